import { open } from "node:fs/promises";

/** Makes the names in a directory durable: a renamed file is found under its name after a crash. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
