/** Signs the tokens of service accounts and tells whose a token is. */
import { createHash, randomUUID } from "node:crypto";
import type { Clock } from "../../../client/clock.ts";
import type { Store } from "../../store/store.ts";
import type { UserInfo } from "../request-context.ts";
import { signToken, verifiedClaims } from "./json-web-token.ts";
import { keySet, type SigningKeys } from "./signing-keys.ts";
import {
  claimsOf,
  legacyClaimsOf,
  type Named,
  readClaims,
  TOKEN_ISSUER,
  type TokenClaims,
  type TokenSubject,
  userOf,
} from "./token-claims.ts";
import { subjectExists } from "./token-subject.ts";

/** A signature costs as much as hundreds of lookups; a client sends its token with every request. */
const MAX_REMEMBERED = 2_000;
/** Clocks of the machines that issue and read may differ. */
const CLOCK_LEEWAY_SECONDS = 10;

export interface TokenOptions {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}
export interface IssuedToken {
  readonly token: string;
  readonly expiresAtMs: number;
}
export interface TokenIdentity {
  readonly user: UserInfo;
  /** Those of the asked audiences that the token is for. */
  readonly audiences: readonly string[];
}

export class ServiceAccountTokens {
  readonly #keys: SigningKeys;
  readonly #store: Store;
  readonly #clock: Clock;
  /** By digest; the claims of tokens whose signature is known to be good, oldest first. */
  readonly #verified = new Map<string, TokenClaims>();

  constructor(options: {
    readonly keys: SigningKeys;
    readonly store: Store;
    readonly clock: Clock;
  }) {
    this.#keys = options.keys;
    this.#store = options.store;
    this.#clock = options.clock;
  }

  issue(subject: TokenSubject, { audiences, expirationSeconds }: TokenOptions): IssuedToken {
    const issuedAtSeconds = Math.floor(this.#clock.now() / 1000);
    const expiresAtSeconds = issuedAtSeconds + expirationSeconds;
    const claims = claimsOf({
      subject,
      audiences: audiences.length === 0 ? [TOKEN_ISSUER] : audiences,
      id: randomUUID(),
      issuedAtSeconds,
      expiresAtSeconds,
    });
    return { token: signToken(claims, this.#keys.active), expiresAtMs: expiresAtSeconds * 1000 };
  }

  /** For a Secret of type `kubernetes.io/service-account-token`: valid as long as the Secret holds it. */
  issueLegacy(namespace: string, account: Named, secretName: string): string {
    return signToken(legacyClaimsOf(namespace, account, secretName), this.#keys.active);
  }

  /** Undefined for a token that is nobody's: forged, over, for others, or of what is gone. */
  identify(
    token: string,
    audiences: readonly string[] = [TOKEN_ISSUER],
  ): TokenIdentity | undefined {
    const claims = this.#claims(token);
    if (claims === undefined) return undefined;
    const nowMs = this.#clock.now();
    const { expiresAtSeconds = Infinity, notBeforeSeconds = 0 } = claims;
    if (nowMs >= expiresAtSeconds * 1000) return undefined;
    if (nowMs < (notBeforeSeconds - CLOCK_LEEWAY_SECONDS) * 1000) return undefined;
    const shared = audiences.filter((audience) => claims.audiences.includes(audience));
    if (shared.length === 0 || !subjectExists(this.#store, claims, token, nowMs)) return undefined;
    return { user: userOf(claims), audiences: shared };
  }

  /** RFC 8414 document and key set, for those who verify tokens by themselves. */
  discovery(address: string): { readonly configuration: object; readonly keySet: object } {
    const algorithms = [...this.#keys.trusted.values()].map(({ algorithm }) => algorithm);
    return {
      configuration: {
        issuer: TOKEN_ISSUER,
        jwks_uri: `${address}/openid/v1/jwks`,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: [...new Set(algorithms)],
      },
      keySet: keySet(this.#keys),
    };
  }

  #claims(token: string): TokenClaims | undefined {
    const digest = createHash("sha256").update(token).digest("base64");
    const known = this.#verified.get(digest);
    if (known !== undefined) return known;
    const verified = verifiedClaims(token, this.#keys.trusted);
    const claims = verified === undefined ? undefined : readClaims(verified);
    if (claims === undefined) return undefined;
    if (this.#verified.size >= MAX_REMEMBERED) {
      const [oldest] = this.#verified.keys();
      if (oldest !== undefined) this.#verified.delete(oldest);
    }
    this.#verified.set(digest, claims);
    return claims;
  }
}
