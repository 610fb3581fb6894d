// Datasets: from what a net's data layer (or a person) names to an LMDB that the engine can open.

export { resolveDataset } from './resolve'
export type { DatasetOrigin, DatasetProgress, DatasetSpec, ResolveOptions, ResolvedDataset } from './resolve'
export { findMnist, mnistFiles } from './mnist'
export type { MnistPart } from './mnist'
