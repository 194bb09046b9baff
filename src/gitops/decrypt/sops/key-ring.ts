/** The private keys that somebody may decrypt with, and how a data key is found with them. */
import { createHash } from "node:crypto";
import { DecryptError } from "../decrypt-error.ts";
import { openAgeKeys } from "./age-keys.ts";
import { openPgpKeys } from "./pgp-keys.ts";
import type { KeyMaterial, PrivateKeys } from "./private-keys.ts";
import { combineParts } from "./shamir.ts";
import { recipientsOf, type SopsMetadata, shownNames, type WrappedKey } from "./sops-metadata.ts";

/** Where the keys come from, for errors: `the Secret team/sops-keys`. */
export interface KeyRingOptions {
  readonly from: string;
}

/** AES-256. */
const DATA_KEY_BYTES = 32;

export class KeyRing {
  /** Differs when the keys differ, reveals none of them. */
  readonly id: string;
  readonly #material: KeyMaterial;
  readonly #from: string;
  #opened: Promise<Readonly<Record<"age" | "pgp", PrivateKeys>>> | undefined;

  constructor(material: KeyMaterial, { from }: KeyRingOptions) {
    this.#material = material;
    this.#from = from;
    this.id = `sops/${createHash("sha256").update(JSON.stringify(material)).digest("hex")}`;
  }

  /** @throws DecryptError `no-key`, `unsupported-key`, `bad-key` or `tampered` */
  async dataKeyOf(metadata: SopsMetadata): Promise<Uint8Array> {
    const keys = await (this.#opened ??= this.#open());
    const parts: Uint8Array[] = [];
    for (const group of metadata.groups) {
      const part = await unwrapAny(group, keys);
      if (part !== undefined) parts.push(part);
    }
    const needed = metadata.groups.length > 1 ? metadata.threshold : 1;
    if (parts.length < needed) throw this.#noKey(metadata, keys, parts.length, needed);
    const dataKey = metadata.groups.length > 1 ? combineParts(parts) : parts[0];
    if (dataKey?.length === DATA_KEY_BYTES) return dataKey;
    throw new DecryptError(
      "tampered",
      "the data key of the file is damaged",
      "Restore the file from Git, or encrypt it again with sops.",
    );
  }

  async #open(): Promise<Readonly<Record<"age" | "pgp", PrivateKeys>>> {
    const { age, pgp } = this.#material;
    return { age: await openAgeKeys(age, this.#from), pgp: await openPgpKeys(pgp, this.#from) };
  }

  #noKey(
    { groups }: SopsMetadata,
    keys: Readonly<Record<"age" | "pgp", PrivateKeys>>,
    found: number,
    needed: number,
  ): DecryptError {
    const wrapped = groups.flat();
    const wanted = recipientsOf({ groups });
    const own = [...keys.age.names, ...keys.pgp.names];
    const have = own.length === 0 ? "holds no key" : `holds ${shownNames(own)}`;
    if (wrapped.length > 0 && wrapped.every(({ kind }) => kind === "service"))
      return new DecryptError(
        "unsupported-key",
        `it is encrypted only for keys of services, which are never asked: ${wanted}`,
        "Add an age recipient to the file: sops rotate -i --add-age age1… FILE.",
      );
    const parts = groups.length > 1 ? `${found} of ${needed} needed key groups opened; ` : "";
    return new DecryptError(
      "no-key",
      `${parts}it is encrypted for ${wanted}, but ${this.#from} ${have}`,
      "Add one of these private keys there, or encrypt the file for a key that is: sops updatekeys FILE.",
    );
  }
}

async function unwrapAny(
  group: readonly WrappedKey[],
  keys: Readonly<Record<"age" | "pgp", PrivateKeys>>,
): Promise<Uint8Array | undefined> {
  for (const wrapped of group) {
    if (wrapped.kind === "service") continue;
    const part = await keys[wrapped.kind].unwrap(wrapped);
    if (part !== undefined) return part;
  }
  return undefined;
}
