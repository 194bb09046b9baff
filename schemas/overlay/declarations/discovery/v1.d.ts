export interface EndpointHints {
    /** The nodes that should use the endpoint. */
    forNodes?: Array<ForNode>;
}
/** Names a node that should use an endpoint. */
export interface ForNode {
    /** Name of the node. */
    name: string;
}
export interface EndpointSlice {
    endpoints?: Array<Endpoint>;
}
