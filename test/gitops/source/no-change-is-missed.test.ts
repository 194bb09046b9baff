/** What is watched is read after its last change, however quickly changes follow each other. */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FileWatch, watchFiles } from "../../../src/gitops/source/watch-files.ts";

/** A watcher that misses the last of such a burst does so in one of five. */
const BURSTS = 25;
/** Between two replacements of a file: a watcher may be busy with the one before. */
const GAPS_MS = [0, 1, 2, 4, 8, 15, 25, 40];

let directory: string;
let watch: FileWatch | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-watch-"));
});
afterEach(async () => {
  await watch?.close();
  await rm(directory, { recursive: true, force: true });
});

/** As git replaces a ref. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.lock`, text);
  await rename(`${file}.lock`, file);
}

test("the last of several quick replacements is told of", async () => {
  const refs = join(directory, "refs");
  await mkdir(join(refs, "heads"), { recursive: true });
  const ref = join(refs, "heads", "main");
  await replace(ref, "0");
  let seen = "0";
  let told = (): void => undefined;
  watch = watchFiles(
    [refs],
    () => {
      void readFile(ref, "utf8").then((text) => {
        seen = text;
        told();
      });
    },
    (path) => path.endsWith(".lock"),
  );
  await watch.ready;
  let last = 0;
  for (let burst = 0; burst < BURSTS; burst++) {
    for (let change = 0; change < 3; change++) {
      await replace(ref, String(++last));
      await sleep(GAPS_MS[(burst + change * 3) % GAPS_MS.length]);
    }
    while (seen !== String(last)) await new Promise<void>((resolve) => (told = resolve));
  }
  expect(seen).toBe(String(last));
});
