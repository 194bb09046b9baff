import { expect, test } from "vitest";
import { placeOfFailure } from "../../../src/gitops/push/failure-place.ts";
import type { Manifest } from "../../../src/gitops/render/manifest.ts";

const asked: string[] = [];
const manifest: Manifest = {
  object: { apiVersion: "v1", kind: "Service", metadata: { name: "x" } },
  origin: { file: "web.yaml", line: 3, column: 1, document: 0 },
  positionOf: (path) => {
    asked.push(path);
    return { line: 12, column: 5 };
  },
};

test.each([
  [
    'Service "web" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535',
    "spec.ports[0].port",
  ],
  [
    'Deployment.apps "web" is invalid: [spec.selector: Required value, spec.x: Forbidden: no]',
    "spec.selector",
  ],
  ['metadata.labels[app]: Invalid value: "a b"', "metadata.labels[app]"],
])("the field that is named is found: %s", (message, path) => {
  asked.length = 0;
  expect(placeOfFailure(message, manifest)).toBe("web.yaml:12:5");
  expect(asked).toEqual([path]);
});

test("a failure that names no field has the place of its object", () => {
  expect(placeOfFailure('exceeded quota: "compute"', manifest)).toBe("web.yaml:3:1");
});
