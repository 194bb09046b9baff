/**
 * Which keys an Application may decrypt with: those of the Secret it names in its own namespace,
 * and only those; without one, the server's.
 */
import type { Application } from "../../kube/kinds/application.ts";
import type { Secret } from "../../kube/kinds/secret.ts";
import type { ObjectKey } from "../../kube/object.ts";
import { DecryptError } from "./decrypt-error.ts";
import type { Decryptor } from "./decryptor.ts";
import { keysOfFile, keysOfSecret } from "./key-secret.ts";
import { KeyRing } from "./sops/key-ring.ts";
import type { KeyMaterial } from "./sops/private-keys.ts";
import { SopsDecryptor } from "./sops/sops-decryptor.ts";
import { withoutKeys } from "./without-keys.ts";

export interface DecryptorsOptions {
  /** File with age identities for every Application that names no Secret; read at each use. */
  readonly ageKeyFile?: string;
  /** From the cluster that holds the Applications. */
  readonly readSecret: (key: ObjectKey) => Promise<Secret | undefined>;
}

/** Opening keys costs milliseconds; key sets in use at a time are few. */
const MAX_OPEN = 64;

export class Decryptors {
  readonly #options: DecryptorsOptions;
  /** By id; least recently used first. */
  readonly #open = new Map<string, Decryptor>();

  constructor(options: DecryptorsOptions) {
    this.#options = options;
  }

  /** @throws DecryptError `bad-key` when the keys that are named are not there */
  async of(application: Application): Promise<Decryptor> {
    const { namespace } = application.metadata;
    const name = application.spec.decryption?.secretRef?.name;
    if (name !== undefined) {
      const key = { name, ...(namespace !== undefined && { namespace }) };
      const shown = namespace === undefined ? name : `${namespace}/${name}`;
      const secret = await this.#options.readSecret(key);
      if (secret === undefined) throw noSecret(shown);
      return this.#decryptor(keysOfSecret(secret), `the Secret ${shown}`);
    }
    const { ageKeyFile } = this.#options;
    if (ageKeyFile === undefined) return withoutKeys;
    return this.#decryptor(await keysOfFile(ageKeyFile), `the server's age key file ${ageKeyFile}`);
  }

  #decryptor(material: KeyMaterial, from: string): Decryptor {
    const ring = new KeyRing(material, { from });
    const decryptor = this.#open.get(ring.id) ?? new SopsDecryptor(ring);
    this.#open.delete(ring.id);
    this.#open.set(ring.id, decryptor);
    const [oldest] = this.#open.keys();
    if (this.#open.size > MAX_OPEN && oldest !== undefined) this.#open.delete(oldest);
    return decryptor;
  }
}

function noSecret(shown: string): DecryptError {
  return new DecryptError(
    "bad-key",
    `spec.decryption names the Secret ${shown}, which does not exist`,
    "Create it in the namespace of the Application: kubectl create secret generic NAME --from-file=age.agekey=FILE.",
  );
}
