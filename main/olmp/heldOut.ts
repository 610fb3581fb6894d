// How many training images judge a goal of an accuracy, and how far such a judgement can be trusted.

/** So many give an accuracy near 99% to a tenth of a point, and one near 90% to three. */
const ENOUGH = 10_000
/** More would only take time. */
const PLENTY = 50_000

/** A sixth of the training images, `ENOUGH` where that is no more than a third, in whole batches of the test net; at least
 *  one batch where half of the images are as many. */
export function validationImages(facts: { trainImages: number; testBatch: number }): number {
  const { trainImages, testBatch } = facts
  const wanted = Math.min(Math.max(trainImages / 6, ENOUGH), PLENTY, trainImages / 3)
  const batches = Math.max(1, Math.floor(wanted / testBatch))
  return Math.max(1, heldOut(batches * testBatch, trainImages))
}

/** Of the images, those held out: never more than half. */
export function heldOut(wanted: number, images: number): number {
  return Math.min(wanted, Math.floor(images / 2))
}

/** Of an accuracy measured on so many images. */
export function standardError(accuracy: number, images: number): number {
  return Math.sqrt((accuracy * (1 - accuracy)) / images)
}
