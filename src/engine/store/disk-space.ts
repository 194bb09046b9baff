/** Whether an error means that the disk is full, which passes, or that it is broken. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * LMDB calls it an I/O error when the last bytes of the disk took a part of what it wrote. So an
 * error that does not say that the disk is full is put to the test with `neededBytes` in `directory`.
 */
export function isDiskFull(error: unknown, directory: string, neededBytes: number): boolean {
  return saysDiskFull(error) || !hasRoom(directory, neededBytes);
}

/** Where to make room, and that this is all there is to do. */
export function diskFullMessage(file: string, directory: string): string {
  return `the disk that holds ${file} is full: free some space in ${directory}`;
}

/** No space left on device, or disk quota exceeded. */
export function saysDiskFull(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return /ENOSPC|EDQUOT|no space left|quota exceeded/i.test(message);
}

function hasRoom(directory: string, sizeBytes: number): boolean {
  const probe = join(directory, "space-probe");
  try {
    writeFileSync(probe, Buffer.alloc(sizeBytes));
    return true;
  } catch (error) {
    return !saysDiskFull(error);
  } finally {
    rmSync(probe, { force: true });
  }
}
