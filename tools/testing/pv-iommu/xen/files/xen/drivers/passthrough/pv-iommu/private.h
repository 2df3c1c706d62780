/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * private.h: the engine behind the hypercall formats.
 *
 *   buffers.c   the wire format: guest handles, continuations
 *   operations.c
 *               and the operations in it: arguments, statuses
 *   query.c     its answers about capabilities and reserved ranges
 *   registers.c operations that are in registers
 *   ops.c       map, unmap, lookup: runs, preemption
 *   frames.c    references on frames
 *   foreign.c   and on those that other domains granted
 *   leaving.c   frames that leave the domain
 *   flush.c     IOTLB flushes, and what may be dropped only after one
 *   ranges.h    what they are about
 *   pt.c        the page tables: entries
 *   entries.h   and loops over them
 *   table.c     the page tables: tables
 *   domain.c    what the address spaces of a domain share
 *   contexts.c  address spaces for some of the devices
 *   devices.c   which device is in which of them
 *   takeover.c  one for all of them: taking over, giving back
 *   hostmap.c   copying the host map
 *   reserved.c, reserved.h
 *               the ranges that the domain may not touch
 *   pretend.c   what is not so, for tests
 *   ../vtd/pv-*.c, ../amd/pv-*.c: tables of the hardware, for pages and devices,
 *               and its queues of flushes
 *
 * Only buffers.c, operations.c, registers.c and query.c know the public
 * header's layout (the XEN_IOMMU_* flag values are used everywhere), so that
 * other formats are other files.
 *
 * Locks, outermost first:
 *
 *   ctl_lock    life cycle; held for one preemptible step
 *   pcidevs_lock
 *               which device is where; the state of the shared address space, and
 *               with it what pv_iommu_root() says, changes to and from "owned"
 *               only with this lock and @lock held
 *   leave_lock  frames that leave the domain, from the mark on their record until
 *               they are dropped; held over flushes
 *   flush_lock  of an address space: one flush at a time; held until the
 *               references that the flush covers are dropped
 *   lock        of an address space: its page tables, and what waits for a flush.
 *               Held for one stride (at most one page table of small pages, or
 *               8 of 2 MiB); nothing is flushed under it
 *   record_lock which frames have records, those that are leaving, and whether
 *               the record of a group counts.  Counts in a record change without
 *               it: see frames.h
 *
 * The vendor code's locks (vtd_iommu.lock, amd_iommu.lock, the host map's
 * mapping_lock) are never held together with lock.
 */

#ifndef __PV_IOMMU_PRIVATE_H__
#define __PV_IOMMU_PRIVATE_H__

#include <xen/iommu.h>
#include <xen/mm.h>
#include <xen/nospec.h>
#include <xen/pv-iommu.h>
#include <xen/rcupdate.h>
#include <xen/sched.h>
#include <xen/spinlock.h>

#include <public/iommu_op.h>

#include "ranges.h"
#include "reserved.h"

#define PV_IOMMU_MAX_LEVELS     4
#define PV_IOMMU_STRIDE         9
#define PV_IOMMU_ENTRIES        (1U << PV_IOMMU_STRIDE)

/* So many tables of level 1 are found without a walk. */
#define PV_IOMMU_RECENT         16

/* Frames that one entry of a table at @level covers. */
#define level_frames(level)     (1UL << (((level) - 1) * PV_IOMMU_STRIDE))

/* What hardware makes of a page table entry. */
struct pv_iommu_fmt {
    uint64_t present;           /* present if any of these is set */
    uint64_t addr;              /* the frame's machine address */
    uint64_t read, write;
    uint64_t leaf;              /* set in every leaf */
    uint64_t leaf_mask;         /* above level 1 an entry is a leaf ... */
    uint64_t leaf_val;          /* ... if its leaf_mask bits say leaf_val */
    uint64_t table;             /* bits of an entry that points to a table */
    uint64_t table_level;       /* ... plus this times the table's level */
    /* Bits that hardware ignores. */
    uint64_t ref;               /* each frame behind it is referenced */
    uint64_t fixed;             /* reserved range: stays until given back */
    uint64_t foreign;           /* another domain's page, referenced for it */
};

struct pv_iommu;
struct pv_iommu_chunk;
struct pv_iommu_dom;

/* A device's DMA may carry so many requester IDs: eight functions, two bridges. */
#define PV_IOMMU_MAX_IDS        10

/* What the vendor code knows of a device, in the words of query_device. */
struct pv_iommu_device {
    unsigned int flags;         /* XEN_IOMMU_DEVICE_* */
    unsigned int addr_bits;
    unsigned int nr_ids;
    uint32_t ids[PV_IOMMU_MAX_IDS]; /* sbdf */
};
void pv_iommu_add_id(struct pv_iommu_device *dev, pci_sbdf_t id);

/* What the vendor code provides. */
struct pv_iommu_vendor {
    /* Fill in fmt, levels, min_levels and max_dfn of @p. */
    int (*setup)(struct pv_iommu *p);
    /* May the hardware keep in mind that an entry is not present? */
    bool (*caching_mode)(void);
    /* Is there a buffer that new entries are to be pushed out of?  Or NULL. */
    bool (*write_buffer)(void);
    /*
     * Point the devices of the domain at @p's tables or back at the host map,
     * and flush every cache.  pcidevs_lock is held.
     */
    int (*switch_root)(struct pv_iommu *p, bool ours);
    /*
     * Flush @ranges, where entries became present, and others if @modified.  Of
     * the vendor code's locks only what protects the units' queues is needed.
     */
    int (*flush)(struct pv_iommu *p, const struct pv_iommu_ranges *ranges,
                 bool modified);
    /* The rest is about contexts; pcidevs_lock is held. */
    void (*query)(const struct pci_dev *pdev, struct pv_iommu_device *dev);
    /* Call @fn at least for what the device needs mapped dfn == mfn. */
    int (*identity)(const struct pci_dev *pdev, iommu_grdm_t *fn, void *data);
    /*
     * Have the device's IOMMU know the context @p by an ID of its own, and say
     * which IOMMU it is; and have it know no more, when that was the last device
     * there.  Whatever still has the ID then is put into the host map.
     */
    int (*join)(struct pv_iommu *p, const struct pci_dev *pdev,
                unsigned int *unit);
    void (*part)(struct pv_iommu *p, unsigned int unit);
    /*
     * Point the requester IDs of @dev at @p's tables, or if that is NULL at
     * the host map of @d, and flush what the IOMMU knows from before.
     */
    int (*attach)(struct domain *d, struct pv_iommu *p,
                  const struct pci_dev *pdev,
                  const struct pv_iommu_device *dev);
    /*
     * Point all that uses tables of @dom at the host map, while nothing else
     * runs any more.
     */
    void (*crash)(const struct pv_iommu_dom *dom);
    /* The host map's root and levels; the domain's mapping_lock is held. */
    paddr_t (*host_root)(struct domain *d, unsigned int *levels);
    /* A range of dfns that the bus does not leave to translation, if any. */
    unsigned long bus_first, bus_last;
};

/* NULL unless the respective IOMMUs are in use. */
const struct pv_iommu_vendor *vtd_pv_iommu(void);
const struct pv_iommu_vendor *amd_pv_iommu(void);

enum pv_iommu_state {
    PV_IOMMU_idle,
    PV_IOMMU_building,          /* tables exist, devices use the host map */
    PV_IOMMU_owned,
    PV_IOMMU_releasing,         /* devices use the host map, tables go away */
};

/*
 * Who flushes.  Keeping the two apart lets a strict unmap flush just its own
 * range without dropping references that lazy ones wait for.
 */
enum pv_iommu_class {
    PV_IOMMU_strict,            /* the hypercall that unmapped, at its end */
    PV_IOMMU_lazy,              /* the domain, when it says so */
    PV_IOMMU_classes
};

/* What a run that waits for its flush is. */
#define PV_IOMMU_RUN_OWN        0   /* for frames_drop() */
#define PV_IOMMU_RUN_FOREIGN    1   /* for pv_iommu_put_foreign() */
#define PV_IOMMU_RUN_WRITABLE   2   /* and that was mapped writable */

/* A run of frames that are to be dropped after the next flush. */
struct pv_iommu_run {
    uint64_t mfn:40;
    uint64_t nr:22;
    uint64_t kind:2;
};

#define PV_IOMMU_MAX_RUNS       1024
/* Bounds the time that flush_lock is held. */
#define PV_IOMMU_MAX_PENDING    4096

struct pv_iommu_pending {
    struct pv_iommu_ranges ranges; /* dfns to flush */
    unsigned int nr_runs;
    unsigned long nr_frames;
    struct pv_iommu_run *runs;
    struct page_list_head dead; /* page tables to free */
};

/* Frames that leave the domain are flushed and dropped so many at a time. */
#define PV_IOMMU_MAX_LEAVING    512

/* What the address spaces of a domain share. */
struct pv_iommu_dom {
    struct domain *d;
    const struct pv_iommu_vendor *vendor;
    /* By number; 0 is the shared one.  Those that there were stay. */
    struct pv_iommu **space;

    spinlock_t ctl_lock;
    unsigned int nr_ctx;        /* contexts in use */
    bool releasing;             /* records are given back */
    /* What is reserved in shared mode, and in contexts; made once. */
    struct pv_iommu_reserved_list *reserved, *bus;

    /* Looked at for each frame; changed with record_lock held. */
    struct pv_iommu_chunk *chunks; /* frames.c */
    unsigned long nr_chunks;

    spinlock_t record_lock __cacheline_aligned;
    unsigned long release_chunk; /* how far frames_release_step() is */
    spinlock_t leave_lock;
    unsigned long nr_leaving;
    unsigned long leaving[PV_IOMMU_MAX_LEAVING]; /* frames, by number */
    atomic_t nr_pages;          /* that tables and records take */

    struct rcu_head rcu;
};

/* A range that devices need mapped dfn == mfn. */
struct pv_iommu_identity {
    unsigned long first, last;
    unsigned int users;         /* devices */
};

#define PV_IOMMU_MAX_IDENTITY   32

/* What an IOMMU calls a context. */
struct pv_iommu_unit {
    domid_t domid;
    unsigned int nr_devices;
};

/* For the debug key; not exact. */
struct pv_iommu_stat {
    unsigned long calls, continuations, flushes, early_flushes, reclaims;
};

/*
 * One address space.  It shares no cache line with what CPUs write that work on
 * another one.
 */
struct pv_iommu {
    struct pv_iommu_dom *dom;
    struct domain *d;
    const struct pv_iommu_vendor *vendor;
    unsigned int id;            /* context; 0: the shared one */

    /* Constant once set up. */
    struct pv_iommu_fmt fmt;
    unsigned int levels;        /* of the tables as a whole */
    unsigned int min_levels;    /* of the IOMMU that walks the fewest */
    unsigned int max_leaf_level;
    unsigned long max_dfn;
    bool caching_mode;
    bool flush_new;             /* entries that become present, too */
    /* What map refuses; constant while the address space is in use. */
    const struct pv_iommu_reserved_list *reserved;

    enum pv_iommu_state state;
    /* Protected by ctl_lock. */
    bool keep_host_map;
    unsigned long build_dfn;    /* how far the host map has been copied */
    unsigned long copied;
    unsigned long release_dfn;  /* how far it is cleared */
    unsigned long dropped;      /* frames that were mapped, when giving back */
    int build_err;
    bool stuck;                 /* some device may be here, or not */

    /* Of a context, protected by pcidevs_lock. */
    unsigned int nr_devices;    /* attached to it, wherever they are now */
    unsigned int nr_identity;
    struct pv_iommu_identity identity[PV_IOMMU_MAX_IDENTITY];
    struct pv_iommu_unit *unit; /* by the vendor's index */

    spinlock_t flush_lock;

    spinlock_t lock;            /* protects what follows, and @state */
    struct page_info *root[PV_IOMMU_MAX_LEVELS + 1]; /* by level */
    /* The roots, all with an entry in use, and those in recent[]. */
    struct page_list_head tables;
    struct page_list_head empty;  /* the others */
    struct page_info *recent[PV_IOMMU_RECENT]; /* of level 1, or NULL */
    unsigned int nr_tables, nr_empty;
    unsigned long nr_large;     /* mappings by large pages */
    struct pv_iommu_pending *cur[PV_IOMMU_classes]; /* what is added to */
    struct pv_iommu_pending pending[PV_IOMMU_classes][2];

    atomic_t nr_foreign;        /* mappings of other domains' pages */
    struct pv_iommu_stat stat;
} __cacheline_aligned;

/* How many single frames are mapped together. */
#define PV_IOMMU_MAX_SINGLES    32U

/* The state of one hypercall (one continuation of it, to be precise). */
struct pv_iommu_call {
    struct pv_iommu *p;
    bool begun;                 /* some operations are done */
    bool flush;                 /* something strict is pending */
    struct pv_iommu_ranges ranges; /* dfns to flush besides what is pending */
    int rc;                     /* of flushes on the way */
};

/* Not an initializer: that would write the ranges, too, in each hypercall. */
static inline void call_begin(struct pv_iommu_call *call, struct pv_iommu *p)
{
    call->p = p;
    call->begun = call->flush = false;
    call->ranges.nr = 0;
    call->rc = 0;
}

static inline bool present(const struct pv_iommu *p, uint64_t e)
{
    return e & p->fmt.present;
}

static inline bool is_leaf(const struct pv_iommu *p, uint64_t e,
                           unsigned int level)
{
    return level == 1 || (e & p->fmt.leaf_mask) == p->fmt.leaf_val;
}

static inline unsigned long entry_mfn(const struct pv_iommu *p, uint64_t e)
{
    return (e & p->fmt.addr) >> PAGE_SHIFT;
}

static inline struct pv_iommu_pending *pending(struct pv_iommu *p,
                                               enum pv_iommu_class class)
{
    return p->cur[class];
}

/* Is there no room for what one stride can leave? */
static inline bool pending_full(const struct pv_iommu_pending *pend)
{
    return pend->nr_runs + PV_IOMMU_ENTRIES > PV_IOMMU_MAX_RUNS ||
           pend->nr_frames >= PV_IOMMU_MAX_PENDING;
}

/* pt.c; all with the address space's @lock held */
int pt_map(struct pv_iommu *p, unsigned long dfn, const unsigned long *mfns,
           bool scattered, unsigned int nr, uint64_t bits);
int pt_map_large(struct pv_iommu *p, struct pv_iommu_call *call,
                 unsigned long dfn, unsigned long mfn, unsigned int level,
                 uint64_t bits);
int pt_split(struct pv_iommu *p, struct pv_iommu_call *call,
             unsigned long dfn);
unsigned long pt_unmap(struct pv_iommu *p, struct pv_iommu_call *call,
                       enum pv_iommu_class class, unsigned long dfn,
                       unsigned long nr, unsigned long *unmapped);
unsigned int pt_lookup(struct pv_iommu *p, unsigned long dfn, uint64_t *e);
bool pt_plain(struct pv_iommu *p, unsigned long dfn, unsigned long nr);
unsigned int pt_level(const struct pv_iommu *p, unsigned long dfn,
                      unsigned long mfn, unsigned long nr);
unsigned long pt_unfix(struct pv_iommu *p, struct pv_iommu_call *call,
                       unsigned long dfn, unsigned long nr,
                       unsigned long *unmapped);

/* table.c */
int pt_init(struct pv_iommu *p);
bool pt_prune(struct pv_iommu *p, struct pv_iommu_call *call,
              unsigned int keep);
bool pt_release_step(struct pv_iommu *p);
void pt_free(struct pv_iommu *p, struct page_info *pg);

/* flush.c */
int pv_iommu_pending_init(struct pv_iommu *p);
void pv_iommu_pending_free(struct pv_iommu *p);
void pending_run(struct pv_iommu_pending *pend, unsigned long mfn,
                 unsigned long nr, unsigned int kind);
int pv_iommu_flush(struct pv_iommu_call *call, bool lazy);
int pv_iommu_flush_locked(struct pv_iommu_call *call, bool lazy);
int pv_iommu_flush_call(struct pv_iommu_call *call);
void pv_iommu_defer(struct pv_iommu_call *call);
void pv_iommu_drain(struct pv_iommu *p);

/* domain.c */
#define PV_IOMMU_MAX_CONTEXTS   4095    /* so many fit into a continuation */

struct pv_iommu_options {
    bool on, clear, contexts, gref, list, registers, align;
    bool firmware;              /* map what it has reserved for itself */
    unsigned int max_contexts;
    unsigned long max_pages;    /* of tables and records; 0: by memory */
};
extern struct pv_iommu_options pv_iommu_opt;

static inline unsigned int pv_iommu_max_contexts(void)
{
    return pv_iommu_opt.contexts ? pv_iommu_opt.max_contexts : 0;
}

static inline bool pv_iommu_has_gref(void)
{
    return IS_ENABLED(CONFIG_GRANT_TABLE) && pv_iommu_opt.gref;
}

bool pv_iommu_may_take(const struct pv_iommu_dom *dom,
                       const struct pv_iommu *p);
unsigned int pv_iommu_mode(const struct domain *d);
const struct pv_iommu_vendor *pv_iommu_vendor(void);
struct pv_iommu *pv_iommu_make(struct pv_iommu_dom *dom, unsigned int id);
struct pv_iommu_dom *pv_iommu_get(struct domain *d);
int pv_iommu_release_records(struct pv_iommu_dom *dom);
bool pv_iommu_is_root(const struct pv_iommu_dom *dom, unsigned int level,
                      paddr_t maddr);

static inline bool pv_iommu_has_contexts(const struct domain *d)
{
    unsigned int mode = pv_iommu_mode(d);

    return pv_iommu_max_contexts() &&
           (mode == XEN_IOMMU_MODE_host_map || mode == XEN_IOMMU_MODE_owned);
}

/* contexts.c */
/* Where @dom has a context @id, or NULL. */
static inline struct pv_iommu *pv_iommu_space(const struct pv_iommu_dom *dom,
                                              unsigned int id)
{
    unsigned int max = pv_iommu_max_contexts();

    return likely(id <= max)
           ? ACCESS_ONCE(dom->space[array_index_nospec(id, max + 1)]) : NULL;
}

int pv_iommu_ctx_alloc(struct domain *d, uint16_t *id);
int pv_iommu_ctx_free(struct domain *d, unsigned int id, bool continued);
int pv_iommu_ctx_attach(struct domain *d, unsigned int id, uint32_t sbdf);
int pv_iommu_release_contexts(struct pv_iommu_dom *dom);

/* devices.c */
int cf_check pv_iommu_firmware_range(xen_pfn_t start, xen_ulong_t nr,
                                     uint32_t sbdf, void *data);

/* takeover.c */
int pv_iommu_enable(struct domain *d, bool clear, bool continued,
                    bool *cleared);
int pv_iommu_disable(struct domain *d, bool continued);
int pv_iommu_clear(struct pv_iommu *p);
int pv_iommu_release_shared(struct pv_iommu_dom *dom);

/* hostmap.c; install and copy while no device uses that part of the tables */
int pv_iommu_install(struct pv_iommu *p, unsigned long dfn, unsigned long mfn,
                     unsigned long nr, uint64_t bits, unsigned long *done);
void pv_iommu_uninstall(struct pv_iommu *p, unsigned long dfn,
                        unsigned long nr);
int pv_iommu_copy_host_map(struct pv_iommu *p);

#endif /* __PV_IOMMU_PRIVATE_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
