/** Files that the real `sops` made, and the keys that open them; see `fixtures/make.sh`. */
import { readFileSync } from "node:fs";
import { KeyRing } from "../../../src/gitops/decrypt/sops/key-ring.ts";
import type { KeyMaterial } from "../../../src/gitops/decrypt/sops/private-keys.ts";
import { SopsDecryptor } from "../../../src/gitops/decrypt/sops/sops-decryptor.ts";

export function fixture(path: string): Buffer {
  return readFileSync(new URL(`fixtures/${path}`, import.meta.url));
}
const text = (path: string): string => fixture(path).toString();

export const ONE: KeyMaterial = { age: [text("keys/one.agekey")], pgp: [] };
export const TWO: KeyMaterial = { age: [text("keys/two.agekey")], pgp: [] };
export const OTHER: KeyMaterial = { age: [text("keys/other.agekey")], pgp: [] };
export const OPEN_PGP: KeyMaterial = { age: [], pgp: [{ armored: text("keys/open.asc") }] };
export const lockedPgp = (passphrase?: string): KeyMaterial => ({
  age: [],
  pgp: [{ armored: text("keys/locked.asc"), ...(passphrase !== undefined && { passphrase }) }],
});

export function together(...materials: readonly KeyMaterial[]): KeyMaterial {
  return {
    age: materials.flatMap(({ age }) => age),
    pgp: materials.flatMap(({ pgp }) => pgp),
  };
}

export function decryptorWith(...materials: readonly KeyMaterial[]): SopsDecryptor {
  return new SopsDecryptor(new KeyRing(together(...materials), { from: "the Secret team/keys" }));
}
