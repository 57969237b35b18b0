//! The images of a run, as its recipe divides them.

use std::sync::Arc;

use efficientnet_data::{
    LastBatch, Loader, LoaderOptions, MINIVAL, OpenOptions, Order, Part, Shard, Source, Split, TRAIN, open,
};
use efficientnet_runs::recipe::Recipe;

use crate::{Ranks, TrainError};

/// What is learned from, and what is measured on.
#[derive(Debug, Clone)]
pub struct Images {
    /// Training images.
    pub train: Arc<dyn Source>,
    /// Images to measure on, with the same classes; `None` where the recipe has none.
    pub validation: Option<Arc<dyn Source>>,
}

impl Images {
    /// Opens what the recipe names.
    ///
    /// # Errors
    /// [`TrainError::Source`] or [`TrainError::Split`] where there are no such images, [`TrainError::EmptyClass`] where a
    /// class has none to learn from.
    pub fn open(recipe: &Recipe) -> Result<Self, TrainError> {
        let all = open(&recipe.data.train, &OpenOptions { classes: None, part: Part::Train })?;
        let images = match (&recipe.data.validation, recipe.data.holdout) {
            (Some(spec), _) => {
                let classes = Some(all.classes().to_vec());
                let validation = open(spec, &OpenOptions { classes, part: Part::Test })?;
                Self { train: all, validation: Some(validation) }
            }
            (None, Some(share)) => {
                let split = Split::holdout(&all, share, recipe.seed)?;
                Self {
                    train: Arc::new(split.subset(TRAIN)?),
                    validation: Some(Arc::new(split.subset(MINIVAL)?)),
                }
            }
            (None, None) => Self { train: all, validation: None },
        };
        images.check()?;
        Ok(images)
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.train.classes().len()
    }

    fn check(&self) -> Result<(), TrainError> {
        let mut has_images = vec![false; self.classes()];
        for sample in 0..self.train.len() {
            if let Some(has) = has_images.get_mut(self.train.class(sample)) {
                *has = true;
            }
        }
        match has_images.iter().position(|has| !has) {
            Some(class) => Err(TrainError::EmptyClass { class: self.train.classes()[class].clone() }),
            None => Ok(()),
        }
    }

    /// Batches to learn from: each rank's, and each accumulation step's, share of an update's images.
    ///
    /// # Errors
    /// [`TrainError::Share`] where the images of an update cannot be shared equally, [`TrainError::Loader`] where a batch
    /// is larger than the data set.
    pub fn training(&self, recipe: &Recipe, ranks: &dyn Ranks) -> Result<Loader, TrainError> {
        let (batch, accumulate, world) = (recipe.data.batch_size, recipe.training.accumulate, ranks.world());
        if !batch.is_multiple_of(accumulate * world) {
            return Err(TrainError::Share { batch, accumulate, world });
        }
        let defaults = LoaderOptions::new(recipe.in_epoch(0)?.transform);
        let options = LoaderOptions {
            batch_size: batch / (accumulate * world),
            seed: recipe.seed,
            order: if recipe.data.balanced { Order::ClassBalanced } else { Order::Shuffled },
            repeats: recipe.data.repeats,
            last_batch: LastBatch::Drop,
            shard: Shard { rank: ranks.rank(), world },
            workers: recipe.data.workers.unwrap_or(defaults.workers),
            on_error: recipe.data.on_error,
            ..defaults
        };
        let loader = Loader::new(Arc::clone(&self.train), options)?;
        match loader.batches() >= accumulate {
            true => Ok(loader),
            false => Err(TrainError::BatchTooLarge { batch, images: self.train.len() }),
        }
    }

    /// Batches to measure on, all images once on all ranks together.
    ///
    /// # Errors
    /// As [`Images::training`].
    pub fn measuring(&self, recipe: &Recipe, ranks: &dyn Ranks) -> Result<Option<Loader>, TrainError> {
        let Some(source) = &self.validation else { return Ok(None) };
        let defaults = LoaderOptions::new(recipe.data.eval_transform.clone());
        let options = LoaderOptions {
            batch_size: (recipe.data.batch_size / (recipe.training.accumulate * ranks.world())).clamp(1, 64),
            shard: Shard { rank: ranks.rank(), world: ranks.world() },
            workers: recipe.data.workers.unwrap_or(defaults.workers),
            on_error: recipe.data.on_error,
            ..defaults
        };
        Ok(Some(Loader::new(Arc::clone(source), options)?))
    }

    /// All training images as they are measured: once each, in their order, without augmentation, whatever the rank.
    ///
    /// # Errors
    /// As [`Images::training`].
    pub fn seen(&self, recipe: &Recipe) -> Result<Loader, TrainError> {
        let defaults = LoaderOptions::new(recipe.data.eval_transform.clone());
        let options = LoaderOptions {
            workers: recipe.data.workers.unwrap_or(defaults.workers),
            on_error: recipe.data.on_error,
            ..defaults
        };
        Ok(Loader::new(Arc::clone(&self.train), options)?)
    }
}
