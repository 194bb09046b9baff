/**
 * Opens connections to backends. Addresses of EndpointSlices are taken as they are; those that a
 * name outside leads to (ExternalName) only where `isAllowed` agrees, asked for the very address
 * that is connected to, so that a name cannot point elsewhere in between.
 */
import { lookup } from "node:dns";
import { connect, type LookupFunction, type Socket } from "node:net";
import type { Backend } from "../service-routes.ts";

export type Dial = () => Socket;
export type AddressPolicy = (address: string) => boolean;

export function dialTo({ address, port }: Backend): Dial {
  return () => connect({ host: address, port, noDelay: true });
}

export function dialName(name: string, port: number, isAllowed: AddressPolicy): Dial {
  const guarded: LookupFunction = (host, options, done) =>
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return done(error, "", 0);
      const allowed = addresses.filter(({ address }) => isAllowed(address));
      const [first] = allowed;
      if (first === undefined) return done(new ForbiddenAddressError(host), "", 0);
      if (options.all === true) return done(null, allowed);
      return done(null, first.address, first.family);
    });
  return () => {
    // A literal address is never looked up.
    if (/^[\d.]+$|:/.test(name) && !isAllowed(name)) return refusing(name);
    return connect({ host: name, port, noDelay: true, lookup: guarded });
  };
}

/** A name leads to an address that it may not lead to. */
export class ForbiddenAddressError extends Error {
  override readonly name = "ForbiddenAddressError";
  constructor(host: string) {
    super(`${host} leads to no address that is allowed`);
  }
}

function refusing(name: string): Socket {
  return connect({
    host: "refused.invalid",
    port: 1,
    lookup: (_host, _options, done) => done(new ForbiddenAddressError(name), "", 0),
  });
}
