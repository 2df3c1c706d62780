// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who shares a group because of bridges that are not claimed: small machines of
 * devices that are not there.
 */

#include <linux/pci.h>

#include "../pv-iommu.h"
#include "fixture.h"

#define ACS_CAP		0x100
#define ACS_ALL		(PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)

/**
 * struct fake - a device, and the bus behind it if it is a bridge
 * @pdev: the device
 * @below: the bus
 * @acs: its capability and control registers
 */
struct fake {
	struct pci_dev pdev;
	struct pci_bus below;
	u16 acs[2];
};

static int fake_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *val)
{
	struct pci_dev *pdev;

	*val = 0;
	list_for_each_entry(pdev, &bus->devices, bus_list) {
		struct fake *fake = container_of(pdev, struct fake, pdev);

		if (pdev->devfn == devfn && size == 2 &&
		    where >= ACS_CAP + PCI_ACS_CAP &&
		    where <= ACS_CAP + PCI_ACS_CTRL)
			*val = fake->acs[(where - ACS_CAP - PCI_ACS_CAP) / 2];
	}
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops fake_ops = { .read = fake_read };

static struct pci_bus *root_bus(struct kunit *test)
{
	struct pci_bus *bus = kunit_kzalloc(test, sizeof(*bus), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bus);
	INIT_LIST_HEAD(&bus->devices);
	bus->ops = &fake_ops;
	return bus;
}

/* A device of a PCI Express type, or -1; all ACS that there is, is on. */
static struct fake *fake_device(struct kunit *test, struct pci_bus *bus,
				unsigned int devfn, int type, u16 acs)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->pdev.bus = bus;
	fake->pdev.devfn = devfn;
	if (type >= 0) {
		fake->pdev.pcie_cap = 0x40;
		fake->pdev.pcie_flags_reg = type << 4;
	}
	if (acs) {
		fake->pdev.acs_cap = ACS_CAP;
		fake->acs[0] = ACS_ALL;
		fake->acs[1] = acs;
	}
	list_add_tail(&fake->pdev.bus_list, &bus->devices);

	INIT_LIST_HEAD(&fake->below.devices);
	fake->below.ops = &fake_ops;
	fake->below.parent = bus;
	fake->below.self = &fake->pdev;
	return fake;
}

static struct fake *endpoint(struct kunit *test, struct fake *above)
{
	return fake_device(test, &above->below, 0, PCI_EXP_TYPE_ENDPOINT, 0);
}

static struct fake *root_port(struct kunit *test, struct pci_bus *bus,
			      unsigned int devfn, u16 acs)
{
	return fake_device(test, bus, devfn, PCI_EXP_TYPE_ROOT_PORT, acs);
}

/* -1 when that depends on which of them is asked. */
static int shared(struct fake *a, struct fake *b)
{
	bool one = xpi_topology_shared(&a->pdev, &b->pdev);

	return one == xpi_topology_shared(&b->pdev, &a->pdev) ? one : -1;
}

static void a_port_isolates(struct kunit *test)
{
	struct fake *port = root_port(test, root_bus(test), 0x10, ACS_ALL);

	KUNIT_EXPECT_TRUE(test, xpi_topology_isolates(&port->pdev));
	/* It need not switch on what it cannot do. */
	port->acs[0] = PCI_ACS_SV | PCI_ACS_RR;
	port->acs[1] = port->acs[0];
	KUNIT_EXPECT_TRUE(test, xpi_topology_isolates(&port->pdev));
	port->acs[1] = PCI_ACS_RR;
	KUNIT_EXPECT_FALSE(test, xpi_topology_isolates(&port->pdev));

	port->pdev.acs_cap = 0;
	KUNIT_EXPECT_FALSE(test, xpi_topology_isolates(&port->pdev));
	port->pdev.dev_flags |= PCI_DEV_FLAGS_ACS_ENABLED_QUIRK;
	KUNIT_EXPECT_TRUE(test, xpi_topology_isolates(&port->pdev));
}

static void others_isolate(struct kunit *test)
{
	static const struct {
		int type;
		bool multifunction, isolates;
	} cases[] = {
		{ -1, false, false },
		{ PCI_EXP_TYPE_PCI_BRIDGE, false, false },
		{ PCI_EXP_TYPE_PCIE_BRIDGE, false, false },
		{ PCI_EXP_TYPE_RC_EC, false, false },
		{ PCI_EXP_TYPE_DOWNSTREAM, false, false },
		{ PCI_EXP_TYPE_UPSTREAM, false, true },
		{ PCI_EXP_TYPE_UPSTREAM, true, false },
		{ PCI_EXP_TYPE_ENDPOINT, false, true },
		{ PCI_EXP_TYPE_ENDPOINT, true, false },
	};
	struct pci_bus *bus = root_bus(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake *fake = fake_device(test, bus, i, cases[i].type, 0);

		fake->pdev.multifunction = cases[i].multifunction;
		KUNIT_EXPECT_EQ_MSG(test, xpi_topology_isolates(&fake->pdev),
				    cases[i].isolates, "case %u", i);
	}
}

static void below_one_port(struct kunit *test)
{
	struct fake *port = root_port(test, root_bus(test), 0x10, 0);
	struct fake *a = endpoint(test, port), *b;

	b = fake_device(test, &port->below, 8, PCI_EXP_TYPE_ENDPOINT, 0);
	KUNIT_EXPECT_EQ(test, shared(a, b), 1);

	/* Then the core finds its group. */
	port->pdev.dev.iommu_group = (struct iommu_group *)port;
	KUNIT_EXPECT_EQ(test, shared(a, b), 0);
	port->pdev.dev.iommu_group = NULL;

	port->pdev.acs_cap = ACS_CAP;
	port->acs[0] = ACS_ALL;
	port->acs[1] = ACS_ALL;
	KUNIT_EXPECT_EQ(test, shared(a, b), 0);
}

static void below_ports_of_one_slot(struct kunit *test)
{
	struct pci_bus *bus = root_bus(test);
	struct fake *first = root_port(test, bus, 0xe0, 0);
	struct fake *second = root_port(test, bus, 0xe1, 0);
	struct fake *a = endpoint(test, first), *b = endpoint(test, second);
	struct fake *beside = fake_device(test, bus, 0xe2,
					  PCI_EXP_TYPE_RC_END, 0);
	struct fake *elsewhere = endpoint(test, root_port(test, bus, 0xe8, 0));

	/* Not that there is more than one function, as far as they say. */
	KUNIT_EXPECT_EQ(test, shared(a, b), 0);

	first->pdev.multifunction = true;
	second->pdev.multifunction = true;
	beside->pdev.multifunction = true;
	KUNIT_EXPECT_EQ(test, shared(a, b), 1);
	KUNIT_EXPECT_EQ(test, shared(a, beside), 1);
	KUNIT_EXPECT_EQ(test, shared(a, elsewhere), 0);

	second->pdev.acs_cap = ACS_CAP;
	second->acs[0] = ACS_ALL;
	second->acs[1] = ACS_ALL;
	KUNIT_EXPECT_EQ(test, shared(a, b), 0);
}

static void below_a_switch(struct kunit *test)
{
	struct fake *root = root_port(test, root_bus(test), 0x10, ACS_ALL);
	struct fake *up = fake_device(test, &root->below, 0,
				      PCI_EXP_TYPE_UPSTREAM, 0);
	struct fake *down[3], *leaf[3];
	unsigned int i;

	/* Two functions of a slot, and another slot. */
	for (i = 0; i < 3; i++) {
		down[i] = fake_device(test, &up->below, i < 2 ? i : 8,
				      PCI_EXP_TYPE_DOWNSTREAM, 0);
		down[i]->pdev.multifunction = i < 2;
		leaf[i] = endpoint(test, down[i]);
	}
	KUNIT_EXPECT_EQ(test, shared(leaf[0], leaf[1]), 1);
	KUNIT_EXPECT_EQ(test, shared(leaf[0], leaf[2]), 0);

	/* What is above them lets all of them reach each other. */
	root->acs[1] = 0;
	KUNIT_EXPECT_EQ(test, shared(leaf[0], leaf[2]), 1);
}

static void below_a_pci_bridge(struct kunit *test)
{
	struct fake *root = root_port(test, root_bus(test), 0x10, ACS_ALL);
	struct fake *bridge = fake_device(test, &root->below, 0,
					  PCI_EXP_TYPE_PCI_BRIDGE, 0);
	struct fake *a = fake_device(test, &bridge->below, 0x08, -1, 0);
	struct fake *b = fake_device(test, &bridge->below, 0x10, -1, 0);
	struct fake *plain = fake_device(test, root->pdev.bus, 0x18, -1, 0);
	struct fake *other = fake_device(test, root->pdev.bus, 0x20, -1, 0);

	KUNIT_EXPECT_EQ(test, shared(a, b), 1);
	KUNIT_EXPECT_EQ(test, shared(a, plain), 0);
	/* Of the root bus the core knows what there is to know. */
	KUNIT_EXPECT_EQ(test, shared(plain, other), 0);
}

static void virtual_functions(struct kunit *test)
{
	struct fake *port = root_port(test, root_bus(test), 0x10, 0);
	struct fake *physical = endpoint(test, port), *virtual;
	struct pci_bus *more = root_bus(test);

	/* A bus without a bridge, beside that of the physical function. */
	more->parent = &port->below;
	virtual = fake_device(test, more, 0, PCI_EXP_TYPE_ENDPOINT, 0);
	KUNIT_EXPECT_EQ(test, shared(physical, virtual), 1);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_port_isolates),
	KUNIT_CASE(others_isolate),
	KUNIT_CASE(below_one_port),
	KUNIT_CASE(below_ports_of_one_slot),
	KUNIT_CASE(below_a_switch),
	KUNIT_CASE(below_a_pci_bridge),
	KUNIT_CASE(virtual_functions),
	{}
};

static struct kunit_suite suite = {
	.name = "xpi-topology",
	.test_cases = cases,
};

kunit_test_suite(suite);
