/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one switch of all interfaces: what it writes to their classifiers, and what if one of them does not
 * take it.
 */
#include "requests_rig.h"

static int refuse_config(struct classifier *classifier, const struct xesp_config *config)
{
	(void)classifier;
	(void)config;
	return -EIO;
}

static const struct xesp_config *config_of(const struct iface *iface)
{
	return iface->classifier->tables.config;
}

static const struct xesp_config initial = {
	.enabled = 1, .pass_keepalives = 1, .packet_max = 3456, .audit_per_second = 7};

static int start_enabled(void **state)
{
	start(state);
	return rig.iface.classifier->ops->set_config(rig.iface.classifier, &initial);
}

static void set_enabled(bool enabled, const char *error)
{
	char request[100];

	snprintf(request, sizeof(request),
		 "{\"method\":\"org.xesp.SetEnabled\",\"parameters\":{\"enabled\":%s}}",
		 enabled ? "true" : "false");
	json_decref(ask(request, error));
}

static bool says_enabled(void)
{
	json_t *answer;
	bool enabled;

	answer = ask("{\"method\":\"org.xesp.Capabilities\"}", NULL);
	enabled = json_is_true(json_object_get(answer, "enabled"));
	json_decref(answer);
	return enabled;
}

/* M32 */
static void test_switch_reaches_the_classifier_and_nothing_else_changes(void **state)
{
	struct xesp_config expected = initial;

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		expected.enabled = i & 1;
		set_enabled(expected.enabled, NULL);
		assert_memory_equal(config_of(&rig.iface), &expected, sizeof(expected));
		assert_int_equal(says_enabled(), expected.enabled);
	}
	/* Once more the same changes nothing. */
	set_enabled(true, NULL);
	assert_memory_equal(config_of(&rig.iface), &initial, sizeof(initial));
}

/* All interfaces or none. */
static void test_switch_that_fails_leaves_everything_as_it_was(void **state)
{
	struct classifier_ops broken;
	struct iface second;

	(void)state;
	memset(&second, 0, sizeof(second));
	assert_int_equal(classifier_native_new(RIG_CAPACITY, &second.classifier), 0);
	assert_int_equal(second.classifier->ops->set_config(second.classifier, &initial), 0);
	broken = *second.classifier->ops;
	broken.set_config = refuse_config;
	second.classifier->ops = &broken;
	rig.engine.ifaces[7] = &second;
	set_enabled(false, "org.xesp.Failed");
	assert_int_equal(config_of(&rig.iface)->enabled, 1);
	assert_int_equal(config_of(&second)->enabled, 1);
	assert_false(rig.engine.disabled);
	rig.engine.ifaces[7] = NULL;
	set_enabled(false, NULL);
	assert_int_equal(config_of(&rig.iface)->enabled, 0);
	classifier_free(second.classifier);
}

static void test_parameters(void **state)
{
	(void)state;
	expect("{\"method\":\"org.xesp.SetEnabled\"}", "org.xesp.InvalidField");
	expect("{\"method\":\"org.xesp.SetEnabled\",\"parameters\":{\"enabled\":1}}",
	       "org.xesp.InvalidField");
	expect("{\"method\":\"org.xesp.SetEnabled\",\"parameters\":{\"enabled\":null}}",
	       "org.xesp.InvalidField");
	expect("{\"method\":\"org.xesp.SetEnabled\",\"parameters\":{\"enabled\":true,\"dev\":\"x0\"}}",
	       "org.xesp.InvalidField");
	assert_int_equal(config_of(&rig.iface)->enabled, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_switch_reaches_the_classifier_and_nothing_else_changes,
						start_enabled, end),
		cmocka_unit_test_setup_teardown(test_switch_that_fails_leaves_everything_as_it_was,
						start_enabled, end),
		cmocka_unit_test_setup_teardown(test_parameters, start_enabled, end),
	};

	return cmocka_run_group_tests_name("enable", tests, NULL, NULL);
}
