/** Windows are written by people: what is no window is a problem with a name, and none takes long to find out. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { windowsAt } from "../../../src/gitops/gates/sync-windows.ts";
import type { SyncWindow } from "../../../src/kube/kinds/application.ts";

/** The longest that one look at a few windows may take on a slow machine. */
const LOOK_MS = 2_000;
const part = fc.oneof(
  fc.constantFrom(
    "*",
    "*/5",
    "0",
    "59",
    "1-5",
    "MON",
    "L",
    "31",
    "2",
    "?",
    "@yearly",
    "*/0",
    "9-1",
  ),
  fc.string({ maxLength: 6 }),
);
const schedule = fc.oneof(
  fc.array(part, { minLength: 4, maxLength: 7 }).map((parts) => parts.join(" ")),
  fc.constantFrom(
    "0 0 31 2 *",
    "* * * * * *",
    "0 0 30 2 MON#5",
    "0 0 29 2 1",
    "@reboot",
    "constructor",
  ),
  fc.string(),
);
const duration = fc.oneof(
  fc.constantFrom("1h", "30m", "8h"),
  fc.constantFrom("8760h", "0s", "-1h", "1e9h", "__proto__"),
  fc.string(),
);
const timeZone = fc.constantFrom(undefined, "UTC", "Europe/Berlin", "__proto__", "Mars/Base", "");
const window = fc
  .record({ kind: fc.constantFrom("allow", "deny"), schedule, duration, timeZone })
  .map(
    ({ timeZone: zone, ...rest }) => ({ ...rest, ...(zone && { timeZone: zone }) }) as SyncWindow,
  );

test("any windows are open, closed, or a problem; none is looked at for long", () => {
  let read = 0;
  fc.assert(
    fc.property(
      fc.array(window, { maxLength: 4 }),
      fc.integer({ min: 0, max: Date.parse("2100-01-01") }),
      (windows, atMs) => {
        const startMs = performance.now();
        const { sync, manual, selfHeal, problems, changesAtMs } = windowsAt(windows, atMs);
        expect(performance.now() - startMs).toBeLessThan(LOOK_MS);
        for (const gate of [sync, manual, selfHeal]) expect(typeof gate.open).toBe("boolean");
        expect(problems.length).toBeLessThanOrEqual(windows.length);
        if (changesAtMs !== undefined) expect(changesAtMs).toBeGreaterThan(atMs);
        read += windows.length - problems.length;
      },
    ),
    { numRuns: 400 },
  );
  expect(read).toBeGreaterThan(20);
});
