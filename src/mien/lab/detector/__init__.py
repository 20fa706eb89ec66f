"""Train mien's own face detector: data, augmentation, network, loss, training, export, evaluation."""
