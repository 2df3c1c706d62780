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
struct qemu_plugin_insn;
struct qemu_info_t;

enum qemu_plugin_op {
	QEMU_PLUGIN_INLINE_ADD_U64,
};

/* Which of the CPU's registers a callback looks at. */
enum qemu_plugin_cb_flags {
	QEMU_PLUGIN_CB_NO_REGS,
};

/* Has this called with each block of instructions that is translated. */
void qemu_plugin_register_vcpu_tb_trans_cb(__u64 id,
					   void (*fn)(__u64 id,
						      struct qemu_plugin_tb *tb));

/* Of a block, as long as it is translated. */
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
__u64 qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);

/* Translates to more code, which adds to a number when the block is entered. */
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
					      enum qemu_plugin_op op,
					      void *number, __u64 add);

/* Translates to more code, which calls this before the instruction. */
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*fn)(unsigned int cpu,
						       void *data),
					    enum qemu_plugin_cb_flags flags,
					    void *data);

/* These two are the plugin's: QEMU looks at the first and calls the second. */
extern int qemu_plugin_version;
int qemu_plugin_install(__u64 id, const struct qemu_info_t *info, int argc,
			char **argv);

#endif /* _QEMU_PLUGIN_H */
