import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureAdminToken } from "../../../../src/engine/apiserver/pki/admin-credentials.ts";

let home = "";
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "gantry-pki-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

test("the administrator's token is made once, in a directory that need not be there yet", async () => {
  const directory = join(home, "pki");
  const token = await ensureAdminToken(directory);
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(await ensureAdminToken(directory)).toBe(token);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
  expect((await stat(join(directory, "admin.token"))).mode & 0o777).toBe(0o600);
});
