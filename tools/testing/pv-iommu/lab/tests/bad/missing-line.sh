# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#: about Promises a line in Linux' log that does not come.
#: xen none
#: require linux nobody says this
# fails with: not in linux's log: nobody says this

ok "all that was done"
finish
