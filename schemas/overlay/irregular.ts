/**
 * Types that marshal themselves in Go, so that their declarations say nothing of their JSON form
 * (the types' `OpenAPISchemaType` and `OpenAPISchemaFormat` methods upstream).
 */
import type { Schema } from "../../src/kube/schema/schema.ts";
import type { ByModule } from "./by-module.ts";

const anything: Schema = { "x-kubernetes-preserve-unknown-fields": true };
const anyObject: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const props: Schema = {
  $ref: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps",
};
const timestamp: Schema = { type: "string", format: "date-time" };

export const irregular: ByModule<Schema> = {
  "api/resource": { Quantity: { type: "string", format: "quantity" } },
  "meta/v1": { FieldsV1: anyObject, MicroTime: timestamp, Patch: anyObject, Time: timestamp },
  runtime: { RawExtension: anyObject },
  "util/intstr": {
    IntOrString: { "x-kubernetes-int-or-string": true, format: "int-or-string" },
  },
  "apiextensions/v1": {
    JSON: anything,
    // Upstream leaves these untyped; saying the members lets unknown fields inside them be found.
    JSONSchemaPropsOrArray: { anyOf: [props, { type: "array", items: props }] },
    JSONSchemaPropsOrBool: { anyOf: [props, { type: "boolean" }] },
    JSONSchemaPropsOrStringArray: { anyOf: [props, { type: "array", items: { type: "string" } }] },
  },
};
