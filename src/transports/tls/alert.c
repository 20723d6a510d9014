/* SPDX-License-Identifier: MIT */
#include "transports/tls/control.h"
#include "transports/tls/record.h"

static const struct {
    uint8_t alert;
    enum sp_reason reason;
    const char *words; /* our own */
} alert_rows[] = {
    {10, SP_REASON_PROTOCOL, "the peer reports an unexpected message"},
    {20, SP_REASON_PROTOCOL, "the peer could not decrypt a record"},
    {22, SP_REASON_PROTOCOL, "the peer reports a record too long"},
    {40, SP_REASON_NO_SUITE, "the peer refused the handshake"},
    {42, SP_REASON_CERTIFICATE, "the peer finds our certificate bad"},
    {43, SP_REASON_CERTIFICATE, "the peer does not support our certificate"},
    {44, SP_REASON_CERTIFICATE, "our certificate was revoked, says the peer"},
    {45, SP_REASON_CERTIFICATE, "our certificate has expired, says the peer"},
    {46, SP_REASON_CERTIFICATE, "the peer does not accept our certificate"},
    {47, SP_REASON_PROTOCOL, "the peer reports an illegal parameter"},
    {48, SP_REASON_CERTIFICATE, "the peer does not know the authority behind our certificate"},
    {49, SP_REASON_REFUSED, "the peer denies access"},
    {50, SP_REASON_PROTOCOL, "the peer could not decode a message"},
    {51, SP_REASON_WRONG_KEY, "the peer has another key"},
    {70, SP_REASON_NO_SUITE, "no common version of TLS"},
    {71, SP_REASON_NO_SUITE, "the peer wants more security"},
    {80, SP_REASON_PROTOCOL, "an internal error of the peer"},
    {86, SP_REASON_NO_SUITE, "the peer suspects a downgrade"},
    {109, SP_REASON_NO_SUITE, "the peer misses an extension"},
    {110, SP_REASON_PROTOCOL, "the peer does not support an extension"},
    {112, SP_REASON_CERTIFICATE, "the peer does not know the server name"},
    {115, SP_REASON_UNKNOWN_IDENTITY, "the peer does not know the identity"},
    {116, SP_REASON_CERTIFICATE, "the peer wants a certificate"},
    {120, SP_REASON_NO_SUITE, "no common application protocol"},
};

const char *sp_alert_words(int alert)
{
    for (unsigned i = 0; i < sizeof alert_rows / sizeof *alert_rows; i++)
        if (alert_rows[i].alert == alert)
            return alert_rows[i].words;
    return "the peer ended the connection with an alert";
}

enum sp_reason sp_alert_reason(int alert)
{
    for (unsigned i = 0; i < sizeof alert_rows / sizeof *alert_rows; i++)
        if (alert_rows[i].alert == alert)
            return alert_rows[i].reason;
    return SP_REASON_PROTOCOL;
}
