/** Addresses that listeners of the service proxy are bound to. */

export interface BindAddress {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "ports below 1024 may need privileges on this system",
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "this machine does not have the address",
  EMFILE: "too many open files: raise the limit (ulimit -n)",
};

/** An address that could not be bound, with the system's code (`EACCES`, `EADDRINUSE`, …). */
export class BindError extends Error {
  override readonly name = "BindError";
  readonly code: string;
  constructor(address: BindAddress, cause: NodeJS.ErrnoException) {
    const code = cause.code ?? "";
    const advice = ADVICE[code];
    const at = `cannot listen on ${address.host}:${address.port}: ${code === "" ? cause.message : code}`;
    super(advice === undefined ? at : `${at} (${advice})`, { cause });
    this.code = code;
  }
}
