# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# For scenarios that give devices to another domain.  They have xen-assign and iommu-op
# in the initramfs, and lib-op.sh.

# toolstack WORD...: what has to be done; its answer in /run/assign
toolstack() {
	xen-assign "$@" >/run/assign 2>&1 ||
		die "xen-assign $*: $(tr '\n' ' ' </run/assign)"
}

# refused WANT COMMAND...: the answer is this error
refused() {
	refused_want=$1
	shift
	"$@" >/run/refused 2>&1 && die "$* was not refused"
	grep -q "=$refused_want\$" /run/refused ||
		die "$*: not $refused_want but $(tr '\n' ' ' </run/refused)"
}

# domain_up: one that never runs, in $DOMAIN
domain_up() {
	toolstack create
	DOMAIN=$(sed -n 's/^domain=//p' /run/assign)
}

# away PCI: it is the domain's now
away() {
	toolstack assign "$DOMAIN" "$1"
	is_away "$1"
}

is_away() {
	op device "$1"
	of_op flags | grep -q assigned || die "$1 is dom0's"
}

# leaves lives|dies PCI: the domain, and is in quarantine, as Xen has it
leaves() {
	case $1 in
	dies) toolstack destroy "$DOMAIN" ;;
	*) toolstack deassign "$DOMAIN" "$2" ;;
	esac
	is_away "$2"
}

# back lives|dies PCI CTX: it is dom0's, in this context
back() {
	toolstack deassign io "$2"
	op device "$2"
	of_op flags | grep -q assigned && die "$2 is not back"
	is "$(of_op ctx)" "$3" >/run/check || die "$2 is in ctx $(cat /run/check)"
	[ "$1" = dies ] || toolstack destroy "$DOMAIN"
}
