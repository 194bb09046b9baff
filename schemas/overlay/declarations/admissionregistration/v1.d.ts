export interface RuleWithOperations {
    /** The resources the rule is for, in plural; a subresource follows after a slash, and * stands for all of either. */
    resources?: Array<string>;
    /** Cluster, Namespaced or * for both. */
    scope?: string;
}
export interface NamedRuleWithOperations {
    /** The resources the rule is for, in plural; a subresource follows after a slash, and * stands for all of either. */
    resources?: Array<string>;
    /** Cluster, Namespaced or * for both. */
    scope?: string;
}
export interface ValidatingAdmissionPolicyBinding {
    spec: ValidatingAdmissionPolicyBindingSpec;
}
export interface ValidatingAdmissionPolicyBindingList {
    items: Array<ValidatingAdmissionPolicyBinding>;
}
export interface ValidatingAdmissionPolicyBindingSpec {
    policyName: string;
    validationActions: Array<string>;
}
export interface ValidatingAdmissionPolicyList {
    items: Array<ValidatingAdmissionPolicy>;
}
/** The value of an expression, applied to the object by server-side apply. */
export interface ApplyConfiguration {
    /** CEL expression that gives the configuration to apply. */
    expression?: string;
}
/** A JSON patch that an expression gives. */
export interface JSONPatch {
    /** CEL expression that gives the list of patch operations. */
    expression?: string;
}
/** One change that a policy makes. */
export interface Mutation {
    /** Changes the object as server-side apply would. */
    applyConfiguration?: ApplyConfiguration;
    /** Changes the object by a JSON patch. */
    jsonPatch?: JSONPatch;
    /** ApplyConfiguration or JSONPatch. */
    patchType: string;
}
/** Changes objects when they are admitted, by expressions in CEL. */
export interface MutatingAdmissionPolicy {
    /** admissionregistration.k8s.io/v1. */
    apiVersion?: "admissionregistration.k8s.io/v1";
    /** MutatingAdmissionPolicy. */
    kind?: "MutatingAdmissionPolicy";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** What the policy matches and changes. */
    spec?: MutatingAdmissionPolicySpec;
}
/** Puts a MutatingAdmissionPolicy into force, with parameters. */
export interface MutatingAdmissionPolicyBinding {
    /** admissionregistration.k8s.io/v1. */
    apiVersion?: "admissionregistration.k8s.io/v1";
    /** MutatingAdmissionPolicyBinding. */
    kind?: "MutatingAdmissionPolicyBinding";
    /** Metadata of the object. */
    metadata?: ObjectMeta;
    /** Which policy, for what, with which parameters. */
    spec?: MutatingAdmissionPolicyBindingSpec;
}
/** A list of MutatingAdmissionPolicyBindings. */
export interface MutatingAdmissionPolicyBindingList {
    /** admissionregistration.k8s.io/v1. */
    apiVersion?: "admissionregistration.k8s.io/v1";
    /** The bindings. */
    items: Array<MutatingAdmissionPolicyBinding>;
    /** MutatingAdmissionPolicyBindingList. */
    kind?: "MutatingAdmissionPolicyBindingList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** Which policy is in force, for what and with which parameters. */
export interface MutatingAdmissionPolicyBindingSpec {
    /** Narrows down what the policy itself matches. */
    matchResources?: MatchResources;
    /** The parameters of the policy. */
    paramRef?: ParamRef;
    /** Name of the policy. */
    policyName?: string;
}
/** A list of MutatingAdmissionPolicies. */
export interface MutatingAdmissionPolicyList {
    /** admissionregistration.k8s.io/v1. */
    apiVersion?: "admissionregistration.k8s.io/v1";
    /** The policies. */
    items: Array<MutatingAdmissionPolicy>;
    /** MutatingAdmissionPolicyList. */
    kind?: "MutatingAdmissionPolicyList";
    /** Metadata of the list. */
    metadata?: ListMeta;
}
/** What a policy matches and changes. */
export interface MutatingAdmissionPolicySpec {
    /** Fail or Ignore: what happens to a request when the policy cannot be evaluated. */
    failurePolicy?: string;
    /** Conditions in CEL, all of which must hold for the policy to apply. */
    matchConditions?: Array<MatchCondition>;
    /** The requests that the policy is for. */
    matchConstraints?: MatchResources;
    /** The changes, made one after the other. */
    mutations?: Array<Mutation>;
    /** Kind of the parameters. */
    paramKind?: ParamKind;
    /** Never or IfNeeded: whether the policy runs again after others changed the object. */
    reinvocationPolicy?: string;
    /** Named CEL expressions that the others may use. */
    variables?: Array<Variable>;
}
