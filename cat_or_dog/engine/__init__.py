"How it is built: the rooms behind the lesson, one notebook each in nbs/engine."
