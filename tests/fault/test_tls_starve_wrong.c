/* SPDX-License-Identifier: MIT */
#include "tls_starve.h"

static void A59_a_wrong_key_never_gets_in(void **state)
{
    (void)state;
    int h = rp_tls_wrong_config("mallory", NN_TLS_DIAL);
    assert_int_equal(starve(h, false), 0);
    assert_int_equal(nn_tls_destroy(h), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(A59_a_wrong_key_never_gets_in),
    };
    return cmocka_run_group_tests(tests, starve_set_up, NULL);
}
