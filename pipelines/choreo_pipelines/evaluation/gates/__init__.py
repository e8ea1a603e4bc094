"""Every gate of the models, measured over several seeds on dancers nobody trained on."""
