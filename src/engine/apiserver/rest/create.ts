/** Creates an object. */
import { generatedName } from "../../../kube/names.ts";
import type { KubeObject, ObjectMeta } from "../../../kube/object.ts";
import { isStatus, StatusError } from "../../../kube/status-error.ts";
import type { AdmissionRequest } from "../admission/admission.ts";
import type { Backend } from "../backend.ts";
import type { Encoded } from "../encoded.ts";
import type { ServedKind } from "../registry.ts";
import type { RequestContext } from "../request-context.ts";
import { actionOf } from "../subresources/actions.ts";
import { guarded } from "./access.ts";
import { checkName, readBody } from "./body.ts";
import { commit, type Plan } from "./commit.ts";
import { checkUnknownFields } from "./field-validation.ts";
import { hasGeneration } from "./generation.ts";
import { checkObjectSize } from "./object-size.ts";
import { updateTracker } from "./ownership.ts";
import { complete, validateNew } from "./rules.ts";
import { timestamp } from "./timestamp.ts";
import { sendWarnings } from "./warnings.ts";

export interface CreateRequest {
  readonly kind: ServedKind;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly object: KubeObject;
  /** `binding`, `eviction`: then `name` says of which object. */
  readonly subresource?: string;
  readonly name?: string;
}

/** With 14 million suffixes a second collision in a row is chance, an eighth a full namespace: upstream's number. */
const MAX_GENERATED_NAME_ATTEMPTS = 8;

/** Throws 400, 404 (no such namespace), 409 `AlreadyExists`, 413 and 422. */
export function create(
  backend: Backend,
  context: RequestContext,
  request: CreateRequest,
): Promise<Encoded> {
  return guarded(backend, context, "create", request, () => {
    const { kind, subresource } = request;
    if (subresource === undefined) return createObject(backend, context, request);
    const { name = request.object.metadata.name, namespace, object } = request;
    const target = { kind, name, ...(namespace === undefined ? {} : { namespace }) };
    return actionOf(kind, subresource)(backend, context, target, object);
  });
}

async function createObject(
  backend: Backend,
  context: RequestContext,
  request: CreateRequest,
): Promise<Encoded> {
  const { kind, namespace } = request;
  const body = readBody(kind.kind, namespace, request.object);
  if (request.name !== undefined) checkName(body, request.name);
  if ((body.metadata.resourceVersion ?? "") !== "") {
    throw StatusError.of(
      "BadRequest",
      "resourceVersion should not be set on objects to be created",
    );
  }
  checkUnknownFields(context, kind.kind, body);
  const prefix = body.metadata.generateName ?? "";
  if (body.metadata.name !== "" || prefix === "") {
    return createNamed(backend, context, kind, body);
  }
  for (let attempt = 1; ; attempt++) {
    const name = generatedName(prefix, backend.random);
    const named = { ...body, metadata: { ...body.metadata, name } };
    try {
      return await createNamed(backend, context, kind, named);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists") || attempt >= MAX_GENERATED_NAME_ATTEMPTS) throw error;
    }
  }
}

async function createNamed(
  backend: Backend,
  context: RequestContext,
  kind: ServedKind,
  body: KubeObject,
): Promise<Encoded> {
  const { name, namespace } = body.metadata;
  const target = { kind, name, ...(namespace === undefined ? {} : { namespace }) };
  const outcome = await commit(backend, {
    target,
    context,
    operation: "CREATE",
    plan: (current, admission): Plan => {
      if (current !== undefined) throw StatusError.alreadyExists(kind.kind, name);
      const track = updateTracker({ backend, context, kind, live: undefined });
      return { action: "put", object: newObject(backend, kind, { body, admission, track }) };
    },
  });
  sendWarnings(context, kind.kind, outcome, body);
  return outcome.encoded;
}

export interface Creation {
  readonly body: KubeObject;
  readonly admission: AdmissionRequest;
  /** Records who owns what. */
  readonly track: (object: KubeObject) => KubeObject;
}

/** What is stored for a body: server-set metadata, defaults, admission, and checked. Throws 413 and 422. */
export function newObject(backend: Backend, kind: ServedKind, creation: Creation): KubeObject {
  const { body, admission, track } = creation;
  const { strategy } = kind.kind;
  const identified = { ...withoutStatus(kind, body), metadata: newMetadata(backend, kind, body) };
  const prepared = strategy.prepareForCreate?.(identified) ?? identified;
  const { object, errors } = complete(kind.kind, prepared);
  // What admission adds belongs to nobody, as upstream: it is not what the client asked for.
  const admitted = backend.admission.mutate(track(object), admission);
  validateNew(kind.kind, admitted, errors);
  checkObjectSize(admitted);
  return admitted;
}

function newMetadata(backend: Backend, kind: ServedKind, body: KubeObject): ObjectMeta {
  const {
    uid: _uid,
    resourceVersion: _resourceVersion,
    generation: _generation,
    selfLink: _selfLink,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    ...own
  } = body.metadata;
  return {
    ...own,
    uid: backend.newUid(),
    creationTimestamp: timestamp(backend.clock.now()),
    ...(hasGeneration(kind) ? { generation: 1 } : {}),
  };
}

function withoutStatus({ kind }: ServedKind, body: KubeObject): KubeObject {
  if (kind.subresources?.status !== true || !("status" in body)) return body;
  if (kind.strategy.keepsStatusOnCreate === true) return body;
  const { status: _status, ...rest } = body;
  return rest;
}
