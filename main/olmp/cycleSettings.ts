// What a compression in cycles is asked to do: prune a share of what is left, remove what is dead, retrain on fixed
// masks, and again, until the goal. Plain JSON.

import type { Augmentation } from '../net/graph'

export type Effort = 'quick' | 'standard' | 'thorough'
export const EFFORTS: Effort[] = ['quick', 'standard', 'thorough']

/** What decides which parameters a cycle prunes.
 *  'fisher': one ranking over all layers by w^2 times the diagonal of the Fisher information.
 *  'thresholds': a threshold of magnitude per layer; NCS spreads the parameters over the layers by the loss on a fixed
 *  sample (Li et al., OLMP, IJCAI 2018, with a smooth objective and a fixed total).
 *  'fisher-thresholds': the ranking of each layer by Fisher, NCS refining the spread that the global ranking gives. */
export type PruningScore = 'fisher' | 'thresholds' | 'fisher-thresholds'
export const PRUNING_SCORES: PruningScore[] = ['fisher', 'thresholds', 'fisher-thresholds']

export type CycleGoal =
  /** Down to the last of these sizes, stopping at each: parameters kept at most, largest first. All training data is
   *  trained on. */
  | { kind: 'size'; kept: number[] }
  /** The smallest net that loses at most `loss` (0..1) of accuracy on `validationImages` training images, a fixed random part
   *  that is not trained on: against the given net, which may have seen them, or the one fine-tuned without them. */
  | { kind: 'accuracy'; loss: number; validationImages: number; against: Reference }

export type Reference = 'given' | 'fine-tuned'
export const REFERENCES: Reference[] = ['given', 'fine-tuned']

/** How a cycle proceeds while more than `above` of all parameters (0..1) are kept. */
export interface CycleStage {
  above: number
  /** Share of the kept parameters that one cycle prunes, 0..1. */
  removed: number
  /** Iterations of retraining after it. */
  iterations: number
}

/** Pruned parameters come back: those by which the loss would fall most, with value 0, before a cycle prunes; what the cycle
 *  then prunes may be others (Han et al., DSD, ICLR 2017; Evci et al., RigL, ICML 2020, by cycles instead of steps). */
export interface Growth {
  /** While at most this share of all parameters (0..1) is kept. */
  below: number
  /** Of the kept parameters, so many come back; in rounds from this share in the first to `lastShare` in the last. */
  share: number
  lastShare: number
  /** Of one output of a layer, so many come back at a time: the many that would serve the same end are told apart once one
   *  is there. */
  perOutput: number
  /** Batches whose gradients tell the gain. */
  batches: number
  /** Iterations of training with what came back, before the pruning. */
  iterations: number
  /** Of a net that has reached a size asked for: growth, and pruning back to the size, so often; above `below` fewer. */
  rounds: number
  /** Iterations of retraining in each of them; the last one is retrained as any cycle. */
  retraining: number
}

export interface FineTuning {
  iterations: number
  learningRate: number
  weightDecay: number
}

export interface CycleSettings {
  method: 'cycles'
  effort: Effort
  goal: CycleGoal
  score: PruningScore
  /** Largest rate of a retraining, which warms up to it and falls to zero by half a cosine. */
  learningRate: number
  /** That of the stages before the last; null: the same. */
  denseLearningRate: number | null
  weightDecay: number
  /** Iterations of the warming up. */
  warmup: number
  /** From the largest net to the smallest; the last one's `above` is 0. */
  stages: CycleStage[]
  /** null: what is pruned stays pruned. */
  growth: Growth | null
  /** Batches whose gradients make the Fisher information. */
  fisherBatches: number
  /** Added to it. */
  damping: number
  /** Of the search of the spread over layers; unused by 'fisher'. */
  search: { evaluations: number; population: number; stepSize: number; bound: number; sampleBatches: number }
  /** Training of the whole net before the first cycle; null: none. */
  fineTune: FineTuning | null
  augmentation: Augmentation | null
  /** From the net before the first cycle; null: labels only. */
  distillation: { weight: number; temperature: number } | null
  seed: number
}
