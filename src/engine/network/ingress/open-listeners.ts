/**
 * Opens the listeners of the ingress proxy when they are first wanted, loads what serves them only
 * then, and tries an address that is taken again.
 */
import type { Clock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import type { Ingress } from "../../../kube/kinds/ingress.ts";
import type { Secret } from "../../../kube/kinds/secret.ts";
import { keyOf } from "../../../kube/object.ts";
import type { BindAddress } from "../service-port.ts";
import type { IngressLimits } from "./ingress-limits.ts";
import type { IngressListener, TlsOptions } from "./ingress-listener.ts";
import type { ListeningAt } from "./published-address.ts";
import type { RequestHandlerOptions } from "./request-handler.ts";
import type { TlsCertificates } from "./tls-certificates.ts";
import type { Problem } from "./told-problems.ts";

/** How long until an address that was taken is tried again. */
const BIND_RETRY_MS = 10_000;

export type IngressProtocol = "http" | "https";
type Protocol = IngressProtocol;

/** An address to listen on; `required` when the user asked for it rather than for the default. */
export interface IngressAddress extends BindAddress {
  readonly required: boolean;
}

/** An address that was asked for cannot be had; `cause` is what the operating system says. */
export class RequiredAddressError extends Error {
  override readonly name = "RequiredAddressError";
  readonly protocol: Protocol;
  constructor(protocol: Protocol, cause: unknown) {
    super(`ingress cannot listen for ${protocol}`, { cause });
    this.protocol = protocol;
  }
}

export interface ListenersOptions
  extends Pick<RequestHandlerOptions, "find" | "backendsOf" | "limits"> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: IngressLimits;
  readonly http: IngressAddress;
  readonly https: IngressAddress;
  /** For clients that name no host, or one that has no certificate of its own. */
  readonly defaultCertificate: () => Promise<TlsOptions["fallback"]>;
  readonly onListen?: (protocol: Protocol, listener: IngressListener) => void;
  /** Called when a listener came up or could not, and when certificates can be looked at. */
  readonly onChange: () => void;
}
export interface Listeners {
  /** Those that the user asked for; rejects with a RequiredAddressError when one cannot be had. */
  openRequired(): Promise<void>;
  /** Opens in the background what is not open yet. */
  open(protocol: Protocol): void;
  readonly listening: readonly ListeningAt[];
  updateCertificates(
    oldestFirst: readonly Ingress[],
    secretOf: (key: string) => Secret | undefined,
  ): readonly Problem[];
  /** Addresses that are taken, as far as these Ingresses need them. */
  problems(served: readonly Ingress[], withTls: readonly Ingress[]): Problem[];
  close(): Promise<void>;
}

export function openListeners(options: ListenersOptions): Listeners {
  return new LazyListeners(options);
}

class LazyListeners implements Listeners {
  readonly #options: ListenersOptions;
  readonly #open = new Map<Protocol, IngressListener>();
  readonly #failed = new Map<Protocol, string>();
  readonly #opening = new Map<Protocol, Promise<void>>();
  readonly #retries = new Map<Protocol, () => void>();
  #certificates: TlsCertificates | undefined;
  #closed = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  async openRequired(): Promise<void> {
    for (const protocol of ["http", "https"] as const)
      if (this.#options[protocol].required)
        await this.#start(protocol).catch((error: unknown) => {
          throw new RequiredAddressError(protocol, error);
        });
  }

  open(protocol: Protocol): void {
    if (this.#closed || this.#open.has(protocol) || this.#opening.has(protocol)) return;
    if (this.#retries.has(protocol)) return;
    const { clock, logger, onChange } = this.#options;
    const opening = this.#start(protocol)
      .catch((error: unknown) => {
        if (this.#closed) return;
        const { host, port } = this.#options[protocol];
        const why = (error as NodeJS.ErrnoException).code ?? String(error);
        this.#failed.set(
          protocol,
          `nothing is served over ${protocol}: cannot listen on ${host}:${port} (${why}); choose another address with --ingress-${protocol}`,
        );
        logger.warn({ err: error, address: `${host}:${port}` }, "ingress cannot listen");
        const retry = clock.after(BIND_RETRY_MS, () => {
          this.#retries.delete(protocol);
          this.open(protocol);
        });
        this.#retries.set(protocol, retry);
        onChange();
      })
      .finally(() => this.#opening.delete(protocol));
    this.#opening.set(protocol, opening);
  }

  get listening(): readonly ListeningAt[] {
    return [...this.#open].map(([protocol, { host, port }]) => ({ protocol, host, port }));
  }

  updateCertificates(
    ingresses: readonly Ingress[],
    secretOf: (key: string) => Secret | undefined,
  ): readonly Problem[] {
    const nowMs = this.#options.clock.now();
    return this.#certificates?.update(ingresses, secretOf, nowMs) ?? [];
  }

  problems(served: readonly Ingress[], withTls: readonly Ingress[]): Problem[] {
    return [...this.#failed].flatMap(([protocol, message]) =>
      (protocol === "http" ? served : withTls).map((ingress) => ({
        ingress: keyOf(ingress),
        reason: "AddressNotBound",
        message,
      })),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#retries.values()) cancel();
    await Promise.all(this.#opening.values());
    await Promise.all([...this.#open.values()].map((listener) => listener.close()));
    this.#open.clear();
  }

  async #start(protocol: Protocol): Promise<void> {
    const { limits, onListen, onChange } = this.#options;
    const address = this.#options[protocol];
    const [{ RequestHandler }, { listenHttp, listenHttps }] = await Promise.all([
      import("./request-handler.ts"),
      import("./ingress-listener.ts"),
    ]);
    const handler = new RequestHandler(this.#options);
    const listener =
      protocol === "http"
        ? await listenHttp(address, handler, limits)
        : await listenHttps(address, handler, limits, await this.#tls());
    if (this.#closed) {
      await listener.close();
      return;
    }
    this.#open.set(protocol, listener);
    this.#failed.delete(protocol);
    onListen?.(protocol, listener);
    onChange();
  }

  async #tls() {
    const { TlsCertificates: Certificates } = await import("./tls-certificates.ts");
    this.#certificates ??= new Certificates();
    const certificates = this.#certificates;
    const fallback = await this.#options.defaultCertificate();
    return { fallback, contextOf: (host: string) => certificates.contextOf(host) };
  }
}
