export interface ServerStorageVersion {
    apiServerID: string;
    decodableVersions: Array<string>;
    encodingVersion: string;
}
export interface StorageVersion {
    metadata: ObjectMeta;
    spec?: StorageVersionSpec;
    status?: StorageVersionStatus;
}
