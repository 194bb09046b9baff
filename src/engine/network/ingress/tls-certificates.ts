/**
 * Which certificate a TLS client gets, by the host that it names. Certificates come from Secrets that
 * Ingresses and Gateways name; a Secret that cannot be used is told and passed over, so that its hosts
 * get the self-signed certificate and every other host is not affected. New handshakes see a change
 * at once, connections that exist keep theirs.
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Secret } from "../../../kube/kinds/secret.ts";

/** Hosts that want the certificate of a Secret. */
export interface CertificateEntry {
  /** Whoever is told of problems. */
  readonly owner: string;
  readonly namespace: string;
  readonly secretName: string;
  /** In lower case; none for every host that the certificate is for. */
  readonly hosts: readonly string[];
  /** Served for the hosts even where the certificate is for others, as Gateways have it. */
  readonly isLenient: boolean;
}
export interface TlsProblem {
  readonly owner: string;
  readonly reason: "CertificateNotFound" | "BadCertificate" | "CertificateExpired";
  readonly message: string;
}
interface Loaded {
  readonly version: string;
  readonly context: SecureContext;
  readonly certificate: X509Certificate;
}

const CERTIFICATE = "tls.crt";
const KEY = "tls.key";
const SERVED_INSTEAD = "until then these hosts are served with a self-signed certificate";

export class TlsCertificates {
  #loaded = new Map<string, Loaded>();
  #exact = new Map<string, SecureContext>();
  /** By the part after `*.`; of Gateways for any number of labels. */
  #wildcards = new Map<string, SecureContext>();
  #deepWildcards = new Map<string, SecureContext>();
  /** Of entries that name no host. */
  #anyHost: Loaded[] = [];

  /** For `host` in lower case; undefined: the self-signed one. */
  contextOf(host: string): SecureContext | undefined {
    const dot = host.indexOf(".");
    return (
      this.#exact.get(host) ??
      (dot > 0 ? this.#wildcards.get(host.slice(dot + 1)) : undefined) ??
      this.#deepest(host) ??
      this.#anyHost.find(({ certificate }) => certificate.checkHost(host) !== undefined)?.context ??
      this.#anyHost[0]?.context
    );
  }

  #deepest(host: string): SecureContext | undefined {
    if (this.#deepWildcards.size === 0) return undefined;
    for (let dot = host.indexOf("."); dot > 0; dot = host.indexOf(".", dot + 1)) {
      const found = this.#deepWildcards.get(host.slice(dot + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** With the oldest first: it has a host that several claim. */
  update(
    entries: readonly CertificateEntry[],
    secretOf: (key: string) => Secret | undefined,
    nowMs: number,
  ): TlsProblem[] {
    const known = this.#loaded;
    this.#loaded = new Map();
    this.#exact = new Map();
    this.#wildcards = new Map();
    this.#deepWildcards = new Map();
    this.#anyHost = [];
    return entries.flatMap((entry) => {
      const problem = this.#add(entry, known, secretOf, nowMs);
      return problem === undefined ? [] : [{ owner: entry.owner, ...problem }];
    });
  }

  #add(
    entry: CertificateEntry,
    known: ReadonlyMap<string, Loaded>,
    secretOf: (key: string) => Secret | undefined,
    nowMs: number,
  ): Omit<TlsProblem, "owner"> | undefined {
    const { hosts, secretName } = entry;
    const key = `${entry.namespace}/${secretName}`;
    const secret = secretOf(key);
    if (secret === undefined)
      return {
        reason: "CertificateNotFound",
        message: `there is no Secret ${secretName}: create it with ${CERTIFICATE} and ${KEY}; ${SERVED_INSTEAD}`,
      };
    const loaded = this.#load(key, secret, known);
    if (typeof loaded === "string")
      return {
        reason: "BadCertificate",
        message: `the Secret ${secretName} ${loaded}; ${SERVED_INSTEAD}`,
      };
    if (hosts.length === 0) this.#anyHost.push(loaded);
    const uncovered = hosts.filter((host) => !this.#serve(host, loaded, entry.isLenient));
    if (uncovered.length > 0)
      return {
        reason: "BadCertificate",
        message: `the certificate in the Secret ${secretName} is not for ${uncovered.join(", ")}; ${SERVED_INSTEAD}`,
      };
    const { validTo } = loaded.certificate;
    if (Date.parse(validTo) < nowMs)
      return {
        reason: "CertificateExpired",
        message: `the certificate in the Secret ${secretName} was valid until ${validTo}; renew it`,
      };
    return undefined;
  }

  /** Whether the certificate is for this host. */
  #serve(host: string, { context, certificate }: Loaded, isLenient: boolean): boolean {
    const isWildcard = host.startsWith("*.");
    const name = isWildcard ? `any${host.slice(1)}` : host;
    if (!isLenient && certificate.checkHost(name) === undefined) return false;
    const wildcards = isLenient ? this.#deepWildcards : this.#wildcards;
    const served = isWildcard ? wildcards : this.#exact;
    const key = isWildcard ? host.slice(2) : host;
    if (!served.has(key)) served.set(key, context);
    return true;
  }

  /** A text says what is wrong with the Secret. */
  #load(key: string, secret: Secret, known: ReadonlyMap<string, Loaded>): Loaded | string {
    const version = `${secret.metadata.uid}/${secret.metadata.resourceVersion}`;
    const before = this.#loaded.get(key) ?? known.get(key);
    if (before?.version === version) {
      this.#loaded.set(key, before);
      return before;
    }
    const loaded = loadCertificate(secret);
    if (typeof loaded === "string") return loaded;
    const entry = { version, ...loaded };
    this.#loaded.set(key, entry);
    return entry;
  }
}

/** What a Secret of type `kubernetes.io/tls` holds; a text says what is wrong with it. */
export function loadCertificate(
  secret: Secret,
): { readonly context: SecureContext; readonly certificate: X509Certificate } | string {
  const cert = secret.data?.[CERTIFICATE];
  const privateKey = secret.data?.[KEY];
  if (cert === undefined || privateKey === undefined)
    return `has no ${cert === undefined ? CERTIFICATE : KEY}`;
  try {
    const pem = Buffer.from(cert, "base64");
    return {
      context: createSecureContext({ cert: pem, key: Buffer.from(privateKey, "base64") }),
      certificate: new X509Certificate(pem),
    };
  } catch (error) {
    // OpenSSL names the reason, never the key.
    const why = error instanceof Error ? error.message : "unknown reason";
    return `holds no certificate in PEM format with its key: ${why}`;
  }
}
