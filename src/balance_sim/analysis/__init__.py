"""What a result is asked: mechanisms, channels, placebos, explanations, sensitivity, goodness of fit."""
