/** Data keys that were encrypted for age recipients. The library is loaded with the first key. */
import { DecryptError } from "../decrypt-error.ts";
import type { PrivateKeys } from "./private-keys.ts";

/** Each identity is tried on each stanza. */
const MAX_IDENTITIES = 100;

/**
 * @param from where they come from, for errors
 * @throws DecryptError `bad-key`
 */
export async function openAgeKeys(texts: readonly string[], from: string): Promise<PrivateKeys> {
  const identities = texts.flatMap((text) => identitiesOf(text, from));
  if (identities.length > MAX_IDENTITIES)
    throw badKey(`${from} holds more than ${MAX_IDENTITIES} age keys`);
  if (identities.length === 0) return { names: [], unwrap: () => Promise.resolve(undefined) };
  const { armor, Decrypter, identityToRecipient } = await import("age-encryption");
  const decrypter = new Decrypter();
  const names: string[] = [];
  for (const identity of identities)
    try {
      decrypter.addIdentity(identity);
      names.push(await identityToRecipient(identity));
    } catch {
      throw badKey(`an age key in ${from} is not valid`);
    }
  return {
    names,
    unwrap: async ({ name, enc }) => {
      try {
        return await decrypter.decrypt(armor.decode(enc));
      } catch {
        if (!names.includes(name)) return undefined;
        throw new DecryptError(
          "tampered",
          `the data key for ${name} is damaged`,
          "Restore the file from Git, or encrypt it again with sops.",
        );
      }
    },
  };
}

/** As `age-keygen` writes them: a key a line, and comments. */
function identitiesOf(text: string, from: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const identities = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (identities.some((line) => !/^AGE-SECRET-KEY-/i.test(line)))
    throw badKey(`${from} holds something else than AGE-SECRET-KEY-… lines`);
  return identities;
}

function badKey(what: string): DecryptError {
  return new DecryptError("bad-key", what, "Put the output of `age-keygen` there.");
}
