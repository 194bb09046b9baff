export interface Info {
    /** Major version of the API that the server emulates. */
    emulationMajor?: string;
    /** Minor version of the API that the server emulates. */
    emulationMinor?: string;
    /** Major version that the server can be rolled back to. */
    minCompatibilityMajor?: string;
    /** Minor version that the server can be rolled back to. */
    minCompatibilityMinor?: string;
}
