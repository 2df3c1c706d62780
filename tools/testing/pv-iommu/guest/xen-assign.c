// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-assign: devices for another domain, as a toolstack has Xen assign them.
 *
 * The domain never runs: whatever it is given, it does nothing with.  Exit code:
 * 0 done, 1 refused, 2 wrong usage, 3 no way to make hypercalls.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"
#include "lib/hyp.h"

static const char usage_text[] =
"usage: xen-assign create                 a domain; prints domain=N\n"
"       xen-assign test SBDF              can the device be assigned?\n"
"       xen-assign assign DOMAIN SBDF     it is the domain's\n"
"       xen-assign deassign DOMAIN SBDF   no longer: it is in quarantine; or, if\n"
"                                         it was there, dom0's\n"
"       xen-assign destroy DOMAIN         with the devices that it has\n"
"DOMAIN: a number, or \"io\": the quarantine.  SBDF as in lspci -D, for example\n"
"0000:00:02.0.\n";

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static int done(long ret)
{
	printf("return=%s\n", hyp_strerr(ret));
	return ret ? 1 : 0;
}

static int create(void)
{
	domid_t domain = 0;
	long ret = domain_create(&domain, 256, true);

	if (!ret)
		printf("domain=%u\n", domain);
	return done(ret);
}

static bool domain_of(const char *s, domid_t *domain)
{
	*domain = strcmp(s, "io") ? atoi(s) : DOMID_IO;
	return *domain;
}

static int command(int argc, char **argv)
{
	const char *cmd = argc ? argv[0] : "";
	domid_t domain;
	uint32_t sbdf;

	if (argc == 1 && !strcmp(cmd, "create"))
		return create();
	if (argc == 2 && !strcmp(cmd, "test") && hyp_sbdf(argv[1], &sbdf))
		return done(domain_may_assign(sbdf));
	if (argc < 2 || !domain_of(argv[1], &domain))
		return usage();

	if (argc == 2 && !strcmp(cmd, "destroy"))
		return done(domain_destroy(domain));
	if (argc != 3 || !hyp_sbdf(argv[2], &sbdf))
		return usage();
	if (!strcmp(cmd, "assign"))
		return done(domain_assign(domain, sbdf));
	if (!strcmp(cmd, "deassign"))
		return done(domain_deassign(domain, sbdf));
	return usage();
}

int main(int argc, char **argv)
{
	int ret = hyp_open();

	if (ret) {
		fprintf(stderr, "xen-assign: /dev/xen/privcmd: %s\n",
			strerror(-ret));
		return 3;
	}
	return command(argc - 1, argv + 1);
}
