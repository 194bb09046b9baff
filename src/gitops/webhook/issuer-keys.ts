/** The public keys of OpenID providers, found by discovery and kept for a while. */
import type { Clock } from "../../client/clock.ts";
import { DeliveryError } from "../notify/delivery-error.ts";
import { openSession } from "../notify/session.ts";
import { list, text } from "./payload.ts";

export interface IssuerKeysOptions {
  readonly clock: Clock;
  /** Whether issuers may be on this machine, and without TLS. */
  readonly allowLoopback: boolean;
}

/** Where Google's tokens for Pub/Sub are signed, whatever `iss` form they have. */
export const GOOGLE_ISSUERS = ["https://accounts.google.com", "accounts.google.com"];

/** Providers change keys every few days, and publish new ones before they use them. */
const KEEP_MS = 600_000;
/** A token with an unknown key does not ask the issuer more often than this. */
const MIN_INTERVAL_MS = 60_000;
const TIMEOUT_MS = 10_000;
const MAX_ISSUERS = 100;
const MAX_KEYS = 100;

interface Kept {
  readonly keys: readonly unknown[];
  readonly atMs: number;
}

/** Where the keys of an issuer come from. */
export interface KeySource {
  /**
   * The keys of an issuer; `isEnough` says whether those known suffice.
   * @throws DeliveryError when the issuer cannot be asked and nothing is known of it
   */
  of(
    issuer: string,
    isEnough: (keys: readonly unknown[]) => boolean,
    signal: AbortSignal,
  ): Promise<readonly unknown[]>;
}

export class IssuerKeys implements KeySource {
  readonly #options: IssuerKeysOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<readonly unknown[]>>();

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  async of(
    issuer: string,
    isEnough: (keys: readonly unknown[]) => boolean,
    signal: AbortSignal,
  ): Promise<readonly unknown[]> {
    const nowMs = this.#options.clock.now();
    const kept = this.#kept.get(issuer);
    const ageMs = kept === undefined ? Number.POSITIVE_INFINITY : nowMs - kept.atMs;
    if (kept !== undefined && ageMs < (isEnough(kept.keys) ? KEEP_MS : MIN_INTERVAL_MS))
      return kept.keys;
    let asking = this.#asking.get(issuer);
    if (asking === undefined) {
      asking = this.#ask(issuer, signal).finally(() => this.#asking.delete(issuer));
      this.#asking.set(issuer, asking);
    }
    return await asking;
  }

  async #ask(issuer: string, signal: AbortSignal): Promise<readonly unknown[]> {
    const session = await openSession({
      timeoutMs: TIMEOUT_MS,
      allowLoopback: this.#options.allowLoopback,
      secrets: [],
      nowMs: () => this.#options.clock.now(),
    });
    const get = async (url: string): Promise<unknown> => {
      const { protocol } = new URL(url);
      if (protocol !== "https:" && !this.#options.allowLoopback)
        throw new DeliveryError("configuration", "an issuer and its keys must have https:// URLs");
      const { text: answer } = await session.send({ method: "GET", url }, signal);
      try {
        return JSON.parse(answer) as unknown;
      } catch {
        throw new DeliveryError("unavailable", `the answer of ${new URL(url).host} is not JSON`);
      }
    };
    try {
      const found = await get(`${issuer.replace(/\/+$/, "")}/.well-known/openid-configuration`);
      const address = text(found, "jwks_uri");
      // Discovery must speak of the issuer that was asked.
      if (text(found, "issuer") !== issuer || address === undefined || !URL.canParse(address))
        throw new DeliveryError("configuration", `${new URL(issuer).host} is no OpenID provider`);
      const keys = list(await get(address), "keys").slice(0, MAX_KEYS);
      this.#kept.delete(issuer);
      this.#kept.set(issuer, { keys, atMs: this.#options.clock.now() });
      if (this.#kept.size > MAX_ISSUERS)
        for (const oldest of this.#kept.keys()) {
          this.#kept.delete(oldest);
          break;
        }
      return keys;
    } finally {
      await session.close();
    }
  }
}
