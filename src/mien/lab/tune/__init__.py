"""Search for better values of a recipe's fields: many short trainings, judged on a part of the training images."""
