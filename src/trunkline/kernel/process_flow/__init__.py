"""Process flows: what people and programs do, task by task."""
