/**
 * Opens the listeners of the ingress proxy when they are first wanted, loads what serves them only
 * then, and tries an address that is taken again. The two of the Ingress stay open; those that
 * Gateways ask for by their ports go with them.
 */
import type { Clock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import type { Secret } from "../../../kube/kinds/secret.ts";
import type { BindAddress } from "../bind-address.ts";
import type { Asked } from "../gateway/route-matches.ts";
import type { IngressLimits } from "./ingress-limits.ts";
import type { IngressListener, TlsOptions } from "./ingress-listener.ts";
import {
  type IngressProtocol,
  type ListenerName,
  listenerKey,
  STANDARD_PORTS,
} from "./listener-name.ts";
import type { RequestHandlerOptions } from "./request-handler.ts";
import type { Route } from "./route-table.ts";
import type { CertificateEntry, TlsCertificates, TlsProblem } from "./tls-certificates.ts";

/** An address to listen on; `required` when the user asked for it rather than for the default. */
export interface IngressAddress extends BindAddress {
  readonly required: boolean;
}

/** Where a listener really listens. */
export interface ListeningAt extends BindAddress {
  readonly key: string;
  readonly protocol: IngressProtocol;
}

/** An address that was asked for cannot be had; `cause` is what the operating system says. */
export class RequiredAddressError extends Error {
  override readonly name = "RequiredAddressError";
  readonly protocol: IngressProtocol;
  constructor(protocol: IngressProtocol, cause: unknown) {
    super(`ingress cannot listen for ${protocol}`, { cause });
    this.protocol = protocol;
  }
}

export interface ListenersOptions
  extends Pick<RequestHandlerOptions, "backendsOf" | "limits" | "accessLog" | "random"> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: IngressLimits;
  readonly http: IngressAddress;
  readonly https: IngressAddress;
  readonly find: (listener: string, asked: Asked) => Route | undefined;
  /** For clients that name no host, or one that has no certificate of its own. */
  readonly defaultCertificate: () => Promise<TlsOptions["fallback"]>;
  /** Called when a listener of the Ingress is up. */
  readonly onListen?: (protocol: IngressProtocol, listener: IngressListener) => void;
  /** Called when a listener came up or could not, and when certificates can be looked at. */
  readonly onChange: () => void;
}
export interface Listeners {
  /** Those that the user asked for; rejects with a RequiredAddressError when one cannot be had. */
  openRequired(): Promise<void>;
  /** Opens in the background what is not open yet, and closes ports that are not wanted any more. */
  setWanted(wanted: readonly ListenerName[]): void;
  readonly listening: readonly ListeningAt[];
  at(key: string): ListeningAt | undefined;
  /** Why it does not listen; undefined when it does, or is about to. */
  failure(key: string): string | undefined;
  /** Oldest first. */
  updateCertificates(
    key: string,
    entries: readonly CertificateEntry[],
    secretOf: (key: string) => Secret | undefined,
  ): readonly TlsProblem[];
  close(): Promise<void>;
}

export function openListeners(options: ListenersOptions): Listeners {
  return new LazyListeners(options);
}

class LazyListeners implements Listeners {
  readonly #options: ListenersOptions;
  readonly #open = new Map<
    string,
    { readonly name: ListenerName; readonly listener: IngressListener }
  >();
  readonly #failed = new Map<string, string>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #closing = new Set<Promise<void>>();
  readonly #retries = new Map<string, () => void>();
  readonly #certificates = new Map<string, TlsCertificates>();
  #wanted: ReadonlySet<string> = new Set();
  #closed = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  async openRequired(): Promise<void> {
    for (const protocol of ["http", "https"] as const)
      if (this.#options[protocol].required)
        await this.#start({ protocol, port: undefined }).catch((error: unknown) => {
          throw new RequiredAddressError(protocol, error);
        });
  }

  setWanted(wanted: readonly ListenerName[]): void {
    this.#wanted = new Set(wanted.map(listenerKey));
    for (const [key, { name, listener }] of this.#open) {
      if (name.port === undefined || this.#wanted.has(key)) continue;
      this.#open.delete(key);
      this.#certificates.delete(key);
      const closing = listener.close().finally(() => this.#closing.delete(closing));
      this.#closing.add(closing);
    }
    for (const key of this.#failed.keys()) if (!this.#wanted.has(key)) this.#failed.delete(key);
    for (const [key, cancel] of this.#retries) {
      if (key === "http" || key === "https" || this.#wanted.has(key)) continue;
      cancel();
      this.#retries.delete(key);
    }
    for (const name of wanted) this.#ensure(name);
  }

  #ensure(name: ListenerName): void {
    const key = listenerKey(name);
    if (this.#closed || this.#open.has(key) || this.#opening.has(key)) return;
    if (this.#retries.has(key)) return;
    const { clock, logger, limits, onChange } = this.#options;
    const opening = this.#start(name)
      .catch((error: unknown) => {
        if (this.#closed) return;
        const { host, port } = this.#addressOf(name);
        const why = (error as NodeJS.ErrnoException).code ?? String(error);
        const advice =
          name.port === undefined
            ? `choose another address with --ingress-${name.protocol}`
            : "choose another port";
        this.#failed.set(
          key,
          `nothing is served over ${name.protocol}: cannot listen on ${host}:${port} (${why}); ${advice}`,
        );
        logger.warn({ err: error, address: `${host}:${port}` }, "ingress cannot listen");
        const retry = clock.after(limits.addressRetryMs, () => {
          this.#retries.delete(key);
          if (name.port === undefined || this.#wanted.has(key)) this.#ensure(name);
        });
        this.#retries.set(key, retry);
        onChange();
      })
      .finally(() => this.#opening.delete(key));
    this.#opening.set(key, opening);
  }

  get listening(): readonly ListeningAt[] {
    return [...this.#open].map(
      ([
        key,
        {
          name,
          listener: { host, port },
        },
      ]) => ({
        key,
        protocol: name.protocol,
        host,
        port,
      }),
    );
  }
  at(key: string): ListeningAt | undefined {
    return this.listening.find((listening) => listening.key === key);
  }
  failure(key: string): string | undefined {
    return this.#failed.get(key);
  }

  updateCertificates(
    key: string,
    entries: readonly CertificateEntry[],
    secretOf: (key: string) => Secret | undefined,
  ): readonly TlsProblem[] {
    const nowMs = this.#options.clock.now();
    return this.#certificates.get(key)?.update(entries, secretOf, nowMs) ?? [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#retries.values()) cancel();
    await Promise.all(this.#opening.values());
    await Promise.all(this.#closing);
    await Promise.all([...this.#open.values()].map(({ listener }) => listener.close()));
    this.#open.clear();
  }

  async #start(name: ListenerName): Promise<void> {
    const { limits, onListen, onChange, find } = this.#options;
    const key = listenerKey(name);
    const address = this.#addressOf(name);
    const [{ RequestHandler }, { listenHttp, listenHttps }] = await Promise.all([
      import("./request-handler.ts"),
      import("./ingress-listener.ts"),
    ]);
    const handler = new RequestHandler({
      ...this.#options,
      find: (asked) => find(key, asked),
      listenerPort: name.port ?? STANDARD_PORTS[name.protocol],
      reachedAt: (port) => this.#reachedAt(port),
    });
    const listener =
      name.protocol === "http"
        ? await listenHttp(address, handler, limits)
        : await listenHttps(address, handler, limits, await this.#tls(key));
    if (this.#closed || (name.port !== undefined && !this.#wanted.has(key))) {
      await listener.close();
      return;
    }
    this.#open.set(key, { name, listener });
    this.#failed.delete(key);
    if (name.port === undefined) onListen?.(name.protocol, listener);
    onChange();
  }

  #addressOf({ protocol, port }: ListenerName): BindAddress {
    const own = this.#options[protocol];
    return port === undefined ? own : { host: own.host, port };
  }

  #reachedAt(port: number): number {
    for (const protocol of ["http", "https"] as const)
      if (port === STANDARD_PORTS[protocol]) return this.#open.get(protocol)?.listener.port ?? port;
    return port;
  }

  async #tls(key: string): Promise<TlsOptions> {
    const { TlsCertificates: Certificates } = await import("./tls-certificates.ts");
    const certificates = this.#certificates.get(key) ?? new Certificates();
    this.#certificates.set(key, certificates);
    const fallback = await this.#options.defaultCertificate();
    return { fallback, contextOf: (host) => certificates.contextOf(host) };
  }
}
