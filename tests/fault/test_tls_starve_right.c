/* SPDX-License-Identifier: MIT */
#include "tls_starve.h"

static void A59_a_right_key_is_never_mistaken_and_nothing_leaks(void **state)
{
    (void)state;
    int h = rp_tls_config("mallory", NN_TLS_DIAL);
    assert_true(starve(h, true) > 0);
    assert_int_equal(nn_tls_destroy(h), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A59_a_right_key_is_never_mistaken_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, starve_set_up, NULL);
}
