"""Words that begin a label and are no names: they are written small within a sentence."""

PLAIN_WORDS = frozenset(
    """
    absent additional adenocarcinoma adjusted adjuvant administered admission after age albumin
    alcohol alike alive all ambulatory among amplification anaemia anastomosis anastomotic
    anatomical anemia antibody anxiety any anywhere approach area arm as ascending ascites
    assistance asymptomatic at atrial atypical authors axillary backbone baseline before behind
    benign best between bilateral bilirubin bilobar biopsy birth birthweight bladder bleeding blood
    body bone borderline both bowel brain breast budding by caesarean calcification cancer
    candidates capsular capsule carcinoma cardiac cause causes censoring cervical cesarean change
    chemotherapy chi cholesterol cirrhosis clearance clinical closed coefficient cognitive colectomy
    colon colonic colostomy combined comorbidity complete completed complication complications
    concordance concurrent conditional continuous controllable conversion coronary counted
    creatinine cumulative curative current cycles daily dead death deaths definite degree deletion
    delivery density depression depth diabetes diagnosis diameter diastolic died difference
    differences differentiation discharge disease distal distance distant dose doubtful downstaging
    drain drains drug ductal duodenal duration dyslipidaemia early education effective ejection
    elderly elective elevated embolism emergency employment encapsulation end endocrine endoscopic
    equivocal esophageal estimated estrogen ethnicity events ever every excess excision excluded
    expected exposure expression extension extent extrahepatic failure failures family fasting
    female femoral fever fibrosis first five flag follow former four fracture frailty from full
    functional gain gallbladder gastrectomy gastric gender gene general genetic gestational glucose
    grade gravidity group groups haematuria haemoglobin half hazard head hearing heart height
    hemoglobin hepatectomy hepatic hepatitis high higher highest histological histology history
    hormonal hormone hospital hydronephrosis hyperlipidaemia hypertension ileostomy imaging
    immunotherapy in incidence incision included income inconclusive indeterminate induction
    infection inflammation inpatient insulin insurance intensive intermediate interquartile interval
    intervention intraoperative intubation invasion invasive involved irradiation ischaemic ischemic
    kidney knee laparoscopic large larger largest last late leak leakage left length lesion lesions
    leukocytes lifestyle limited liver load lobe lobectomy lobular local locally location log long
    longest loss low lower lowest lumpectomy lung lymph lymphadenopathy lymphatic lymphocyte
    lymphocytes lymphovascular main maintenance major male malignant margin margins marital marker
    markers married mastectomy matched maximal maximum mean mechanical median melanoma men menarche
    menopausal menopause metachronous metastasectomy metastases metastasis metastatic methylation
    minimal minimum minor missing mitoses mitotic mixed moderate moderately monocyte monotherapy
    month months more mortality mucinous multifocal multiple mutant mutation nausea near neck
    necrosis negative neoadjuvant nephrectomy nerve neutrophil neutrophils never new next nine no
    nodal node nodes none normal not nuclear number obese obesity objective observed obstruction
    occupation odds oesophageal oestrogen of old older once one open operating operation operative
    optimism oral organ other others outpatient ovarian overall overweight pain palliative pancreas
    pancreatic paper parity partial partially pathological patient patients percentage perforation
    performance perineural perioperative peritoneal peritoneum physical placebo platelet platelets
    ploidy pneumonia poor poorly portal positive possible posterior postmenopausal postoperative
    power pregnancy premenopausal preoperative present previous primary prior private probable
    procedure progesterone progression progressive proliferation proportional prostate proximal
    public pulmonary pulse quality race radiation radical radiotherapy randomised randomized range
    rate ratio ratios readmission receptor receptors rectal rectum recurrence recurrent reference
    referral regimen region regional regression relapse renal repeat replaced resectable resected
    resection residual response restricted right risk robotic rural same satellite satellitosis
    score screened screening second secondary segment sentinel separated sepsis serological serology
    serous serum severe severity sex share shock short shorter shortest side sidedness sigmoid
    signet simultaneous single site size skin sleep small smaller smoker smokers smoking solid
    solitary squamous stable stage staged standard standardised standardized start state status
    steroid stoma stomach stroke subdistribution suboptimal subtotal superficial surgeon surgery
    surgical surgically survival suspicious suture symptomatic synchronous systemic systolic
    tamoxifen ten tertiary testing the therapeutic therapy thickness thoracic three throat
    thrombosis thrombus thyroid time timing to tobacco total toxicity transfusion transit transplant
    transplantation transverse trauma treated treatment triglycerides triple tumor tumors tumour
    tumours two type ulcer ulcerated ulceration uncertain undetermined unifocal unilateral unilobar
    unknown unmarried unresectable unresected untreated up upper urban urine use uterine vaccine
    valve valvular vascular vein venous ventilation very viral visceral visual volume waiting ward
    weight well widowed wild with within without women wound year years yes young younger
    """.split()
)
