import { experimentSettings } from '../../../main/olmp/presets'
import type { ModelReport } from '../../../main/projects/types'

export const exampleReport: ModelReport = {
  source: { folder: '/models/lenet' },
  name: 'LeNet',
  files: [{ role: 'net', chosen: '/models/lenet/net.prototxt', candidates: [] }],
  data: [],
  notes: [],
  layers: [
    { name: 'ip1', type: 'InnerProduct', outputShape: [64, 300], parameters: 235_500, prunable: true },
  ],
  parameters: 266_610,
  prunableParameters: 266_610,
  weightsBytes: 1_066_624,
  obstacle: null,
  obstacleCode: null,
  suggested: experimentSettings('lenet-300-100', 'ncs'),
  cycleFacts: null,
}
