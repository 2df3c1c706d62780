/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * domain.c: what the I/O address spaces of a domain share, and how many there
 * may be.
 */

#include <xen/err.h>
#include <xen/event.h>
#include <xen/init.h>
#include <xen/keyhandler.h>
#include <xen/param.h>
#include <xen/paging.h>

#include "../ats.h"
#include "frames.h"

struct pv_iommu_options __ro_after_init pv_iommu_opt = {
    .on = true,
    .clear = true,
    .contexts = true,
    .gref = true,
    .list = true,
    .registers = true,
    .align = true,
    .max_contexts = 512,
};

/*
 * iommu-op=off | buffers [,no-clear] [,no-contexts] [,no-gref] [,no-list]
 *          [,no-registers] [,no-align] [,max-contexts=N] [,max-memory=MiB]
 *          [,reserved]
 */
static int __init cf_check parse_iommu_op(const char *s)
{
    struct pv_iommu_options *opt = &pv_iommu_opt;
    const char *ss;
    int rc = 0;

    do {
        int val;

        ss = strchr(s, ',');
        if ( !ss )
            ss = strchr(s, '\0');

        if ( (val = parse_bool(s, ss)) >= 0 )
            opt->on = val;
        else if ( !cmdline_strcmp(s, "buffers") )
            opt->on = true;
        else if ( (val = parse_boolean("clear", s, ss)) >= 0 )
            opt->clear = val;
        else if ( (val = parse_boolean("contexts", s, ss)) >= 0 )
            opt->contexts = val;
        else if ( (val = parse_boolean("gref", s, ss)) >= 0 )
            opt->gref = val;
        else if ( (val = parse_boolean("list", s, ss)) >= 0 )
            opt->list = val;
        else if ( (val = parse_boolean("registers", s, ss)) >= 0 )
            opt->registers = val;
        else if ( (val = parse_boolean("align", s, ss)) >= 0 )
            opt->align = val;
        else if ( (val = parse_boolean("reserved", s, ss)) >= 0 )
            opt->firmware = val;
        else if ( !strncmp(s, "max-contexts=", 13) )
        {
            unsigned long nr = simple_strtoul(s + 13, &s, 0);

            if ( s != ss || !nr || nr > PV_IOMMU_MAX_CONTEXTS )
                rc = -EINVAL;
            else
                opt->max_contexts = nr;
        }
        else if ( !strncmp(s, "max-memory=", 11) )
        {
            opt->max_pages = simple_strtoul(s + 11, &s, 0) <<
                             (20 - PAGE_SHIFT);
            if ( s != ss || !opt->max_pages )
                rc = -EINVAL;
        }
        else
            rc = -EINVAL;

        s = ss + 1;
    } while ( *ss );

    return rc;
}
custom_param("iommu-op", parse_iommu_op);

bool __init pv_iommu_aligns(const struct domain *d)
{
    return pv_iommu_opt.on && pv_iommu_opt.align && is_iommu_enabled(d) &&
           !is_pv_32bit_domain(d);
}

/* An address space with so few tables may take from what is kept back. */
#define FEW_TABLES      64

/*
 * May the domain take one more page for records, or for tables of @p?  Tables
 * for all of the machine's memory, scattered, are one page in 512, records one
 * in 1024, each with 256 bytes more that are not counted; by default there may be
 * eight times as many.  An eighth is for those address spaces that have few, so that
 * one cannot starve all others.
 */
bool pv_iommu_may_take(const struct pv_iommu_dom *dom,
                       const struct pv_iommu *p)
{
    unsigned long max = pv_iommu_opt.max_pages ?: max_page / 40 + 1024;

    if ( p && p->nr_tables >= FEW_TABLES )
        max -= max / 8;

    return atomic_read(&dom->nr_pages) < max;
}

const struct pv_iommu_vendor *pv_iommu_vendor(void)
{
    return vtd_pv_iommu() ?: amd_pv_iommu();
}

unsigned int pv_iommu_mode(const struct domain *d)
{
    const struct pv_iommu_dom *dom = dom_iommu(d)->pv;
    const struct pv_iommu *p = dom ? dom->space[0] : NULL;

    if ( !is_iommu_enabled(d) || !pv_iommu_vendor() )
        return XEN_IOMMU_MODE_off;

    if ( paging_mode_translate(d) )
        return XEN_IOMMU_MODE_guest_map;

    if ( iommu_hwdom_passthrough )
        return XEN_IOMMU_MODE_passthrough;

    if ( need_iommu_pt_sync(d) )
        return XEN_IOMMU_MODE_strict;

    /*
     * Xen waits for a device that does not answer for ever, and walks the list
     * of such devices with no lock.
     */
    if ( ats_enabled )
        return XEN_IOMMU_MODE_ats;

    return p && ACCESS_ONCE(p->state) == PV_IOMMU_owned
           ? XEN_IOMMU_MODE_owned : XEN_IOMMU_MODE_host_map;
}

/* Make an address space that is idle. */
struct pv_iommu *pv_iommu_make(struct pv_iommu_dom *dom, unsigned int id)
{
    unsigned long sizes = iommu_get_ops()->page_sizes;
    struct pv_iommu *p = xzalloc(struct pv_iommu);
    int rc;

    if ( !p )
        return ERR_PTR(-ENOMEM);

    p->dom = dom;
    p->d = dom->d;
    p->vendor = dom->vendor;
    p->id = id;
    spin_lock_init(&p->flush_lock);
    spin_lock_init(&p->lock);
    INIT_PAGE_LIST_HEAD(&p->tables);
    INIT_PAGE_LIST_HEAD(&p->empty);

    rc = p->vendor->setup(p);
    if ( rc )
    {
        xfree(p);
        return ERR_PTR(rc);
    }

    p->caching_mode = p->vendor->caching_mode();
    p->flush_new = p->caching_mode || (p->vendor->write_buffer &&
                                       p->vendor->write_buffer());
    /* A page of 1 GiB would be 2^18 frames to count in one go. */
    p->max_leaf_level = sizes & PAGE_SIZE_2M ? 2 : 1;

    return p;
}

static void dom_free(struct pv_iommu_dom *dom)
{
    unsigned int i;

    for ( i = 0; dom->space && i <= pv_iommu_max_contexts(); ++i )
    {
        if ( dom->space[i] )
            xfree(dom->space[i]->unit);
        xfree(dom->space[i]);
    }

    xfree(dom->space);
    xfree(dom->reserved);
    xfree(dom->bus);
    xfree(dom);
}

static void cf_check dom_free_rcu(struct rcu_head *head)
{
    dom_free(container_of(head, struct pv_iommu_dom, rcu));
}

/* The domain's record, with its shared address space; made when asked for. */
struct pv_iommu_dom *pv_iommu_get(struct domain *d)
{
    struct domain_iommu *hd = dom_iommu(d);
    struct pv_iommu_dom *dom = ACCESS_ONCE(hd->pv), *old;

    if ( dom )
        return dom;

    dom = xzalloc(struct pv_iommu_dom);
    if ( !dom )
        return ERR_PTR(-ENOMEM);

    dom->d = d;
    dom->vendor = pv_iommu_vendor();
    spin_lock_init(&dom->ctl_lock);
    spin_lock_init(&dom->leave_lock);
    spin_lock_init(&dom->record_lock);

    dom->space = xzalloc_array(struct pv_iommu *, pv_iommu_max_contexts() + 1);
    if ( dom->space )
        dom->space[0] = pv_iommu_make(dom, 0);

    if ( !dom->space || IS_ERR(dom->space[0]) )
    {
        int rc = dom->space ? PTR_ERR(dom->space[0]) : -ENOMEM;

        if ( dom->space )
            dom->space[0] = NULL;
        dom_free(dom);
        return ERR_PTR(rc);
    }

    old = cmpxchgptr(&hd->pv, NULL, dom);
    if ( old )
    {
        dom_free(dom);
        dom = old;
    }

    return dom;
}

/* Give back what is left of address spaces.  With ctl_lock held. */
int pv_iommu_release_records(struct pv_iommu_dom *dom)
{
    while ( dom->releasing )
    {
        dom->releasing = frames_release_step(dom);
        if ( dom->releasing && general_preempt_check() )
            return -ERESTART;
    }

    return 0;
}

/* The domain is dying, and nothing of it makes hypercalls any more. */
int pv_iommu_release(struct domain *d)
{
    struct pv_iommu_dom *dom = dom_iommu(d)->pv;
    int rc;

    if ( !dom )
        return 0;

    spin_lock(&dom->ctl_lock);
    rc = pv_iommu_release_contexts(dom);
    if ( !rc )
        rc = pv_iommu_release_shared(dom);
    spin_unlock(&dom->ctl_lock);

    if ( rc == -ERESTART )
        return rc;

    if ( rc )
    {
        /* Some device may still use the tables: they can't be freed. */
        printk(XENLOG_ERR "%pd: cannot give I/O address spaces back: %d\n",
               d, rc);
        return 0;
    }

    /* The debug key may be looking at it. */
    dom_iommu(d)->pv = NULL;
    call_rcu(&dom->rcu, dom_free_rcu);

    return 0;
}

/* Is that where tables of one of the address spaces begin? */
bool pv_iommu_is_root(const struct pv_iommu_dom *dom, unsigned int level,
                      paddr_t maddr)
{
    unsigned int i;

    for ( i = 0; i <= pv_iommu_max_contexts(); ++i )
    {
        const struct pv_iommu *p = dom->space[i];

        if ( p && p->root[level] && page_to_maddr(p->root[level]) == maddr )
            return true;
    }

    return false;
}

void pv_iommu_crash(void)
{
    struct domain *d = hardware_domain;
    struct pv_iommu_dom *dom = d ? dom_iommu(d)->pv : NULL;

    if ( !dom )
        return;

    dom->vendor->crash(dom);
    printk("%pd: devices are back in the host map\n", d);
}

static void dump_space(const struct pv_iommu *p)
{
    static const char *const states[] = {
        [PV_IOMMU_idle] = "idle",
        [PV_IOMMU_building] = "taking over",
        [PV_IOMMU_owned] = "owned",
        [PV_IOMMU_releasing] = "giving back",
    };

    printk("%pd: I/O address space %u: %s, %u devices, %u tables (%u of them long empty), %lu large pages\n",
           p->d, p->id, states[p->state], p->nr_devices, p->nr_tables,
           p->nr_empty, p->nr_large);
}

static void dump_domain(const struct domain *d, const struct pv_iommu_dom *dom)
{
    struct pv_iommu_stat sum = {};
    unsigned int i, granted = 0;

    for ( i = 0; i <= pv_iommu_max_contexts(); ++i )
    {
        const struct pv_iommu *p = dom->space[i];

        if ( !p )
            continue;

        if ( !i || p->state )
            dump_space(p);
        sum.calls += p->stat.calls;
        sum.continuations += p->stat.continuations;
        sum.flushes += p->stat.flushes;
        sum.early_flushes += p->stat.early_flushes;
        sum.reclaims += p->stat.reclaims;
        granted += atomic_read(&p->nr_foreign);
    }

    printk("%pd: %d pages, %lu calls, %lu continuations, %lu flushes (%lu for want of room), %lu reclaims, %u granted\n",
           d, atomic_read(&dom->nr_pages), sum.calls, sum.continuations,
           sum.flushes, sum.early_flushes, sum.reclaims, granted);
}

static void cf_check dump(unsigned char key)
{
    const struct domain *d;

    rcu_read_lock(&domlist_read_lock);

    for_each_domain ( d )
    {
        const struct pv_iommu_dom *dom = ACCESS_ONCE(dom_iommu(d)->pv);

        if ( dom )
            dump_domain(d, dom);
    }

    rcu_read_unlock(&domlist_read_lock);
}

static int __init cf_check init(void)
{
    register_keyhandler('U', dump, "dump PV-IOMMU state", 0);

    return 0;
}
__initcall(init);

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * indent-tabs-mode: nil
 * End:
 */
