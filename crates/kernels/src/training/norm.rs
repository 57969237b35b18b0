//! Batch normalisation (Ioffe and Szegedy, 2015) together with the activation behind it.
//!
//! y = act(gamma (x - mean) / sqrt(variance + epsilon) + beta), mean and (biased) variance of a channel over the batch.
//! Nothing but `x` and the statistics is kept for the way back: the rest is cheaper to compute again than to read.

mod channel;

use std::marker::PhantomData;

use self::channel::{Apply, Normalise, Numbers, Planes, Reduce, Statistics};
use super::activation::{ForFunction, Function, dispatch};
use super::check;
use super::run::{detected, for_each};
use crate::Activation;
use crate::memory::Arena;
use crate::simd::{Simd, Task};

/// Batch normalisation and activation of maps `[batch, channels, pixels]`.
///
/// `gamma`, `beta`, `mean`, `variance` and their gradients have one number a channel. The variance is biased (divided by
/// [`Self::count`]); a running variance takes `variance * count / (count - 1)`, as PyTorch does.
///
/// [`Self::forward`] and [`Self::backward`] do all there is to do in one process. Where the batch is spread over several,
/// they come in halves, between which the processes exchange a few numbers a channel: [`Self::statistics`] then
/// [`Self::normalise`], [`Self::reduce`] then [`Self::apply`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormAct {
    /// Images; may be 0.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Height times width.
    pub pixels: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// What follows the normalisation.
    pub activation: Activation,
}

impl NormAct {
    /// Numbers in a channel: what the statistics are taken over.
    pub fn count(&self) -> usize {
        self.batch * self.pixels
    }

    /// Writes `y` and the statistics of the batch.
    pub fn forward(
        &self,
        x: &[f32],
        gamma: &[f32],
        beta: &[f32],
        y: &mut [f32],
        mean: &mut [f32],
        variance: &mut [f32],
    ) {
        self.check_maps([("x", x.len()), ("y", y.len())]);
        self.check_channels([
            ("gamma", gamma.len()),
            ("beta", beta.len()),
            ("mean", mean.len()),
            ("variance", variance.len()),
        ]);
        let (y, statistics) = (Arena::of(y), [Arena::of(mean), Arena::of(variance)]);
        self.channels(Forward { x, parameters: [gamma, beta], y, statistics });
    }

    /// Writes the gradients for `x`, `gamma` and `beta`, from the one for `y` and what [`Self::forward`] gave.
    #[allow(clippy::too_many_arguments, reason = "each is a tensor of the formula")]
    pub fn backward(
        &self,
        x: &[f32],
        dy: &[f32],
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        dx: &mut [f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        let maps = self.backward_maps(x, dy, [gamma, beta, mean, variance]);
        self.check_maps([("dx", dx.len())]);
        self.check_channels([("dgamma", dgamma.len()), ("dbeta", dbeta.len())]);
        self.channels(Backward { maps, dx: Arena::of(dx), sums: [Arena::of(dgamma), Arena::of(dbeta)] });
    }

    /// Writes mean and biased variance of every channel over this process's part of the batch (0 where it has no images).
    ///
    /// Those of the whole follow from the parts': with `n` each part's [`Self::count`] and sums over the parts,
    /// `mean = sum(n mean_i) / sum(n)` and `variance = sum(n (variance_i + (mean_i - mean)^2)) / sum(n)`.
    pub fn statistics(&self, x: &[f32], mean: &mut [f32], variance: &mut [f32]) {
        self.check_maps([("x", x.len())]);
        self.check_channels([("mean", mean.len()), ("variance", variance.len())]);
        self.channels(Measured { x, statistics: [Arena::of(mean), Arena::of(variance)] });
    }

    /// Writes `y` from statistics that are given: the batch's, or (for evaluation) running ones.
    pub fn normalise(
        &self,
        x: &[f32],
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        y: &mut [f32],
    ) {
        self.check_maps([("x", x.len()), ("y", y.len())]);
        self.check_channels([
            ("gamma", gamma.len()),
            ("beta", beta.len()),
            ("mean", mean.len()),
            ("variance", variance.len()),
        ]);
        self.channels(Given { x, parameters: [gamma, beta, mean, variance], y: Arena::of(y) });
    }

    /// Writes the gradients for `gamma` and `beta`, over this process's part of the batch. Sums over the parts are the whole's.
    #[allow(clippy::too_many_arguments, reason = "each is a tensor of the formula")]
    pub fn reduce(
        &self,
        x: &[f32],
        dy: &[f32],
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        let maps = self.backward_maps(x, dy, [gamma, beta, mean, variance]);
        self.check_channels([("dgamma", dgamma.len()), ("dbeta", dbeta.len())]);
        self.channels(Reduced { maps, sums: [Arena::of(dgamma), Arena::of(dbeta)] });
    }

    /// Writes the gradient for `x`, from the sums of [`Self::reduce`] over the whole batch and its [`Self::count`].
    ///
    /// Where the statistics are constants (normalisation that is frozen), the sums are given as zeros.
    #[allow(clippy::too_many_arguments, reason = "each is a tensor of the formula")]
    pub fn apply(
        &self,
        x: &[f32],
        dy: &[f32],
        gamma: &[f32],
        beta: &[f32],
        mean: &[f32],
        variance: &[f32],
        dgamma: &[f32],
        dbeta: &[f32],
        count: usize,
        dx: &mut [f32],
    ) {
        let maps = self.backward_maps(x, dy, [gamma, beta, mean, variance]);
        self.check_maps([("dx", dx.len())]);
        self.check_channels([("dgamma", dgamma.len()), ("dbeta", dbeta.len())]);
        self.channels(Applied { maps, sums: [dgamma, dbeta], count, dx: Arena::of(dx) });
    }

    fn len(&self) -> usize {
        self.batch * self.channels * self.pixels
    }

    /// The work on all channels, each of them done by one thread.
    fn channels(&self, work: impl OnChannel) {
        dispatch(self.activation, Channels { norm: self, work });
    }

    fn planes(&self, channel: usize) -> Planes {
        let Self { batch, channels, pixels, .. } = *self;
        Planes { batch, step: channels * pixels, start: channel * pixels, pixels }
    }

    fn numbers(&self, channel: usize, [gamma, beta, mean, variance]: [&[f32]; 4]) -> Numbers {
        Numbers::new(mean[channel], variance[channel], self.epsilon, gamma[channel], beta[channel])
    }

    #[track_caller]
    fn backward_maps<'a>(&self, x: &'a [f32], dy: &'a [f32], parameters: [&'a [f32]; 4]) -> Maps<'a> {
        self.check_maps([("x", x.len()), ("dy", dy.len())]);
        let [gamma, beta, mean, variance] = parameters.map(<[f32]>::len);
        self.check_channels([("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)]);
        Maps { x, dy, parameters }
    }

    #[track_caller]
    fn check_maps<const N: usize>(&self, slices: [(&str, usize); N]) {
        for (what, len) in slices {
            check(what, len, self.len());
        }
    }

    #[track_caller]
    fn check_channels<const N: usize>(&self, slices: [(&str, usize); N]) {
        for (what, len) in slices {
            check(what, len, self.channels);
        }
    }
}

/// Work on one channel after the other.
trait OnChannel: Send + Sync {
    fn run<S: Simd, F: Function>(&self, s: S, norm: &NormAct, channel: usize);
}

/// Numbers that one task takes at least: a few channels where maps are small.
const TASK: usize = 1 << 14;

struct Channels<'a, W> {
    norm: &'a NormAct,
    work: W,
}

impl<W: OnChannel> ForFunction for Channels<'_, W> {
    fn run<F: Function>(self) {
        let Self { norm, work } = self;
        let isa = detected();
        let together = (TASK / norm.count().max(1)).clamp(1, norm.channels.max(1));
        for_each(norm.channels.div_ceil(together), norm.len(), |task| {
            for channel in task * together..((task + 1) * together).min(norm.channels) {
                isa.dispatch(OneChannel::<_, F> { norm, work: &work, channel, function: PhantomData });
            }
        });
    }
}

struct OneChannel<'a, W, F> {
    norm: &'a NormAct,
    work: &'a W,
    channel: usize,
    function: PhantomData<F>,
}

impl<W: OnChannel, F: Function> Task for OneChannel<'_, W, F> {
    type Output = ();

    fn run<S: Simd>(self, s: S) {
        self.work.run::<S, F>(s, self.norm, self.channel);
    }
}

/// Writes a number of this channel.
fn put(to: Arena<'_>, channel: usize, value: f32) {
    // SAFETY: a channel's numbers belong to the one task that has the channel.
    unsafe { to.part_mut(channel..channel + 1) }.fill(value);
}

struct Measured<'a> {
    x: &'a [f32],
    statistics: [Arena<'a>; 2],
}

impl OnChannel for Measured<'_> {
    fn run<S: Simd, F: Function>(&self, s: S, norm: &NormAct, channel: usize) {
        let found = s.enter(Statistics { planes: norm.planes(channel), x: self.x });
        for (to, value) in self.statistics.into_iter().zip(found) {
            put(to, channel, value);
        }
    }
}

#[derive(Clone, Copy)]
struct Given<'a> {
    x: &'a [f32],
    parameters: [&'a [f32]; 4],
    y: Arena<'a>,
}

impl OnChannel for Given<'_> {
    fn run<S: Simd, F: Function>(&self, s: S, norm: &NormAct, channel: usize) {
        let numbers = norm.numbers(channel, self.parameters);
        let (planes, Self { x, y, .. }) = (norm.planes(channel), *self);
        s.enter(Normalise::<F> { planes, x, y, numbers, function: PhantomData });
    }
}

/// Statistics, and while the channel is in the second cache, what they are for.
#[derive(Clone, Copy)]
struct Forward<'a> {
    x: &'a [f32],
    parameters: [&'a [f32]; 2],
    y: Arena<'a>,
    statistics: [Arena<'a>; 2],
}

impl OnChannel for Forward<'_> {
    fn run<S: Simd, F: Function>(&self, s: S, norm: &NormAct, channel: usize) {
        let (planes, Self { x, y, parameters: [gamma, beta], .. }) = (norm.planes(channel), *self);
        let [mean, variance] = s.enter(Statistics { planes, x });
        let numbers = Numbers::new(mean, variance, norm.epsilon, gamma[channel], beta[channel]);
        s.enter(Normalise::<F> { planes, x, y, numbers, function: PhantomData });
        put(self.statistics[0], channel, mean);
        put(self.statistics[1], channel, variance);
    }
}

/// What the way back reads; the parameters are gamma, beta, mean and variance.
#[derive(Clone, Copy)]
struct Maps<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    parameters: [&'a [f32]; 4],
}

impl Maps<'_> {
    /// `keep` is where dz is written, if anywhere.
    fn reduce<S: Simd, F: Function>(
        &self,
        s: S,
        norm: &NormAct,
        channel: usize,
        keep: Option<Arena<'_>>,
    ) -> [f32; 2] {
        let (planes, numbers) = (norm.planes(channel), norm.numbers(channel, self.parameters));
        let Self { x, dy, .. } = *self;
        s.enter(Reduce::<F> { planes, x, dy, keep, numbers, function: PhantomData })
    }

    fn apply<S: Simd, F: Function>(&self, s: S, norm: &NormAct, channel: usize, to: To<'_>) {
        let (planes, numbers) = (norm.planes(channel), norm.numbers(channel, self.parameters));
        let To { dx, kept, sums, count } = to;
        let (x, dy) = (self.x, (!kept).then_some(self.dy));
        s.enter(Apply::<F> { planes, x, dy, dx, numbers, sums, count, function: PhantomData });
    }
}

/// What the second half of the way back is about.
struct To<'a> {
    dx: Arena<'a>,
    /// Whether dz is in there.
    kept: bool,
    sums: [f32; 2],
    count: usize,
}

struct Reduced<'a> {
    maps: Maps<'a>,
    sums: [Arena<'a>; 2],
}

impl OnChannel for Reduced<'_> {
    fn run<S: Simd, F: Function>(&self, s: S, norm: &NormAct, channel: usize) {
        let [dgamma, dbeta] = self.maps.reduce::<S, F>(s, norm, channel, None);
        put(self.sums[0], channel, dgamma);
        put(self.sums[1], channel, dbeta);
    }
}

struct Applied<'a> {
    maps: Maps<'a>,
    sums: [&'a [f32]; 2],
    count: usize,
    dx: Arena<'a>,
}

impl OnChannel for Applied<'_> {
    fn run<S: Simd, F: Function>(&self, s: S, norm: &NormAct, channel: usize) {
        let sums = self.sums.map(|sums| sums[channel]);
        self.maps.apply::<S, F>(s, norm, channel, To { dx: self.dx, kept: false, sums, count: self.count });
    }
}

/// Both halves, the second while the channel is in the second cache.
struct Backward<'a> {
    maps: Maps<'a>,
    dx: Arena<'a>,
    sums: [Arena<'a>; 2],
}

impl OnChannel for Backward<'_> {
    fn run<S: Simd, F: Function>(&self, s: S, norm: &NormAct, channel: usize) {
        let (dx, kept) = (self.dx, F::DEAR);
        let sums = self.maps.reduce::<S, F>(s, norm, channel, kept.then_some(dx));
        self.maps.apply::<S, F>(s, norm, channel, To { dx, kept, sums, count: norm.count() });
        put(self.sums[0], channel, sums[0]);
        put(self.sums[1], channel, sums[1]);
    }
}
