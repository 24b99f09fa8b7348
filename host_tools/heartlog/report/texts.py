"""Sentences that stand in every report."""

NOTICE = (
    "This is not a diagnosis. Heartlog is an open tool for learning and research, not a certified "
    "medical device. Figures are computed from R peaks by the rules of the method page; a "
    "qualified person must look at the ECG before anything is concluded or done. The monitor is "
    "never worn while it, or anything it is wired to, is connected to mains-powered equipment."
)
LIMITS = (
    "The device finds R peaks. It does not see P waves, does not measure ST segments or QT, and "
    "does not name rhythms: the irregular-rhythm screen looks at RR intervals alone.",
    "A pause is a long RR interval: a beat too small to be found looks the same, and so does a "
    "signal that was lost for a moment. One with noise in it, or during which the baseline moved, "
    "is called doubtful and is not among the urgent findings. Look at the strip.",
    "Premature and wide beats are told by timing and QRS width on one lead. Aberrant conduction, "
    "bundle branch block and pacing can be mistaken for them.",
    "Where electrodes were off, the signal saturated or samples were lost, nothing is counted "
    "and no interval is joined over the hole. Rates and burdens refer to what was analysed.",
    "Heart rate variability is meaningful in sinus rhythm with few extrasystoles only; the share "
    "of intervals left out is printed beside it. Beat times are known to one sample.",
    "Wall times are fitted to synchronisation points with the host's clock, in between by the "
    "monitor's crystal; how fast its samples came and the number of points are printed under "
    "Quality. They are no better than that clock. Intervals are in samples of the nominal rate.",
)
SOURCES = (
    "Time and frequency domain of HRV: Task Force of the ESC and NASPE, Circulation "
    "1996;93:1043-1065. Spectrum: NN intervals interpolated by a cubic spline at 4 Hz, straight "
    "line removed, Hann window, mean over 5-minute segments; bands VLF 0.0033-0.04, LF 0.04-0.15, "
    "HF 0.15-0.40 Hz.",
    "Irregular-rhythm screen: Dash S, Chon KH, Lu S, Raeder EA. Ann Biomed Eng 2009;37:1701-1709.",
    "20 % rule for NN intervals: Kleiger RE et al. Am J Cardiol 1987;59:256-262.",
)
NO_ECG = "No ECG was kept for this moment."
NO_DIAGNOSIS_SHORT = "Not a diagnosis; not a certified medical device."
