// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-claim: Xen without memory, at once and for as long as it is wanted.
 *
 * A domain that never runs gets a claim on what Xen has free.  None of it is
 * touched, and all of it is back when the domain is gone.  Exit code: 0 done,
 * 1 refused, 2 wrong usage, 3 no way to make hypercalls.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/domain.h"
#include "lib/hyp.h"
#include "lib/machine.h"

static const char usage_text[] =
"usage: xen-claim take [PAGES]     all of Xen's free memory but so many pages;\n"
"                                  prints domain=N\n"
"       xen-claim give DOMAIN      gives it back\n"
"       xen-claim free             prints free=PAGES, claimed or not\n";

static int failed(const char *what, long ret)
{
	fprintf(stderr, "xen-claim: %s: %s\n", what, hyp_strerr(ret));
	return 1;
}

static int take(long but)
{
	long nr = machine_free_pages(), ret;
	domid_t domain;

	if (nr < 0)
		return failed("Xen does not say what is free", nr);
	ret = domain_create(&domain, nr, false);
	if (ret)
		return failed("no domain", ret);
	/* The domain itself has taken some. */
	nr = machine_free_pages() - but;
	ret = nr > 0 ? domain_claim(domain, nr) : -ENOMEM;
	if (ret) {
		domain_destroy(domain);
		return failed("no claim", ret);
	}
	printf("domain=%u\n", domain);
	return 0;
}

static int give(domid_t domain)
{
	long ret = domain_destroy(domain);

	return ret ? failed("the domain stays", ret) : 0;
}

static int show_free(void)
{
	long nr = machine_free_pages();

	if (nr < 0)
		return failed("Xen does not say what is free", nr);
	printf("free=%ld\n", nr);
	return 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	int ret = hyp_open();

	if (ret) {
		failed("/dev/xen/privcmd", ret);
		return 3;
	}
	if (argc <= 3 && !strcmp(command, "take"))
		return take(argc == 3 ? atol(argv[2]) : 0);
	if (argc == 3 && !strcmp(command, "give") && atoi(argv[2]) > 0)
		return give(atoi(argv[2]));
	if (argc == 2 && !strcmp(command, "free"))
		return show_free();
	fputs(usage_text, stderr);
	return 2;
}
