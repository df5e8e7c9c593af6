// Which of the server's addresses other devices are to be told.

import type { ServerAddress, ServerAddresses } from "@/api";

/** That of the network where there is one, unless the server was told what it is. */
export function bestOf({ public_url, network, here }: ServerAddresses): ServerAddress {
  return public_url === null ? (network[0] ?? here) : here;
}
