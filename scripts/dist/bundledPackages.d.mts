import type { Plugin } from 'vite'

export declare const bundledPackagesFile: string
export declare function bundledPackages(): Plugin
