/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What instructions.c uses of QEMU's interface for plugins, version 1, which
 * QEMU 7.2 has.  Written by hand, as no package of Debian 12 has QEMU's own
 * header.
 */
#ifndef _QEMU_PLUGIN_H
#define _QEMU_PLUGIN_H

#include <linux/types.h>
#include <stddef.h>

struct qemu_plugin_tb;
struct qemu_info_t;

enum qemu_plugin_op {
	QEMU_PLUGIN_INLINE_ADD_U64,
};

/* Has this called with each block of instructions that is translated. */
void qemu_plugin_register_vcpu_tb_trans_cb(__u64 id,
					   void (*fn)(__u64 id,
						      struct qemu_plugin_tb *tb));

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);

/* Translates to more code, which adds to a number when the block is entered. */
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
					      enum qemu_plugin_op op,
					      void *number, __u64 add);

/* These two are the plugin's: QEMU looks at the first and calls the second. */
extern int qemu_plugin_version;
int qemu_plugin_install(__u64 id, const struct qemu_info_t *info, int argc,
			char **argv);

#endif /* _QEMU_PLUGIN_H */
