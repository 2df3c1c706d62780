/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pretend.c: a hypervisor that refuses, or that is another one, so that what
 * uses the hypercall can be tested with it.  Only in debug builds, where a key
 * on Xen's console goes on to the next pretence, and after the last to none.
 * Another one does to the devices what a crash of Xen would.
 */

#include <xen/init.h>
#include <xen/keyhandler.h>
#include <xen/lib.h>

#include "pretend.h"
#include "private.h"

static const char *const pretences[] = {
    [PRETEND_nothing] = "nothing",
    [PRETEND_not_allowed] = "not allowed",
    [PRETEND_other_version] = "other version",
    [PRETEND_other_mode] = "other mode",
    [PRETEND_no_reserved] = "no reserved ranges",
    [PRETEND_no_enable] = "no takeover",
    [PRETEND_no_disable] = "no giving back",
};

static enum pv_iommu_pretence pretence;

bool pv_iommu_pretends(enum pv_iommu_pretence what)
{
    return ACCESS_ONCE(pretence) == what;
}

static void cf_check next(unsigned char key)
{
    unsigned int i = (pretence + 1) % ARRAY_SIZE(pretences);

    ACCESS_ONCE(pretence) = i;
    printk("iommu_op pretends: %s\n", pretences[i]);
}

static void cf_check crash(unsigned char key)
{
    pv_iommu_crash();
}

static int __init cf_check init(void)
{
    register_keyhandler('y', next, "next PV-IOMMU pretence", 0);
    register_keyhandler('Y', crash, "PV-IOMMU as in a crash", 0);

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
