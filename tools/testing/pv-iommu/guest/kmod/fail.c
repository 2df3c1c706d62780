// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function of the kernel that fails while this module is loaded:
 *
 *   insmod pviommu-fail.ko func=NAME ret=-12
 *
 * It returns at once with that value, as where memory ran out.  Only for one
 * that returns an int or a long, and whose callers can bear it.
 * /sys/module/pviommu_fail/parameters/hits tells how often it was called.
 */

#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/ptrace.h>

static char *func;
module_param(func, charp, 0444);
MODULE_PARM_DESC(func, "Name of the function");

static long ret = -ENOMEM;
module_param(ret, long, 0444);
MODULE_PARM_DESC(ret, "What it returns");

static uint hits;
module_param(hits, uint, 0444);
MODULE_PARM_DESC(hits, "How often it was called (to be read)");

/* Goes back to the caller of the function that it stands for. */
static noinline void return_at_once(void)
{
	barrier();
}

static int before(struct kprobe *probe, struct pt_regs *regs)
{
	hits++;
	regs_set_return_value(regs, ret);
	instruction_pointer_set(regs, (unsigned long)return_at_once);
	return 1;
}

static struct kprobe probe = {
	.pre_handler = before,
};

static int __init fail_init(void)
{
	probe.symbol_name = func;
	return func ? register_kprobe(&probe) : -EINVAL;
}
module_init(fail_init);

static void __exit fail_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(fail_exit);

MODULE_DESCRIPTION("Have a function of the kernel fail");
MODULE_LICENSE("GPL");
