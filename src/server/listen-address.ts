/** `host:port` as the command line takes it. */
export interface ListenAddress {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
}

/** Throws an Error that says what is wrong with the text. */
export function parseListenAddress(text: string): ListenAddress {
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[^:]*):(\d{1,5})$/i.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535)
    throw new Error(
      `${JSON.stringify(text)} is no listen address: write host:port, e.g. 127.0.0.1:7575`,
    );
  return { host: host === "" ? "0.0.0.0" : host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A listener's address could not be had: says which, why, and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  constructor(what: string, address: ListenAddress, flag: string, cause: NodeJS.ErrnoException) {
    const where = formatAddress(address);
    const reasons: Readonly<Record<string, string>> = {
      EADDRINUSE: "another process listens there; stop it",
      EACCES: "that port needs more privileges; choose one above 1023",
      EADDRNOTAVAIL: "this machine has no such address; choose one of its own",
    };
    const reason = reasons[cause.code ?? ""] ?? `${cause.message}; check the address`;
    super(
      `cannot listen on ${where} (${what}): ${reason}, or choose another with ${flag} host:port (port 0 picks a free one)`,
      {
        cause,
      },
    );
  }
}
