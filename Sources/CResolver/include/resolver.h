// The system's DNS resolver for records that getaddrinfo does not give (SRV, NAPTR).
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Asks for records of class IN; blocks up to some 10 s. `server` is a numeric IPv4 or IPv6 address, NULL for the
/// system's own servers (/etc/resolv.conf). The answer's length; 0 when there are no such records; -1 when no server answered.
int resolver_query(const char *name, int type, const char *server, uint16_t port, uint8_t *answer, size_t size);
